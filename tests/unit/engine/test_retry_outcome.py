"""RETRY says that there is no effect yet: it is tried again, and when that is given up, it was rejected."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import outcome
from orchestrator.journal.outcome import Failure
from orchestrator.journal.state import Status, StepOutcome
from tests.support.engine_world import SAGA, altered, trip, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld

KEY = "PaymentService.AuthorizePayment#1"
TWICE = altered(
    trip,
    "AuthorizePayment",
    on_unknown=OnUnknown.COMPENSATE,
    retry=RetryPolicy(attempts=2, first_delay=timedelta(milliseconds=10)),
)


def busy(retry_after: float = 0.0) -> outcome.Retry:
    return outcome.Retry(Failure(StatusCode.RESOURCE_EXHAUSTED, "busy"), retry_after)


async def test_a_command_that_was_put_off_is_tried_again_and_may_well_succeed(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [busy(), busy()]

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("AuthorizePayment")) == 3


async def test_the_participants_wish_to_be_left_alone_is_granted(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [busy(retry_after=7.0)]

    await world.process().run()

    assert max(world.clock.slept) >= 7.0


async def test_given_up_without_any_doubt_it_was_rejected_and_is_not_compensated(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(TWICE)
    world.participants.scripts["AuthorizePayment"] = [busy(), busy()]

    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert state.commands[KEY].outcome is StepOutcome.REJECTED
    assert "VoidAuthorization" not in world.participants.methods()


@pytest.mark.parametrize("script", [[unknown(), busy()], [busy(), unknown()]])
async def test_given_up_with_a_doubt_it_is_compensated(
    world_of: Callable[..., EngineWorld], script: list[object]
) -> None:
    world = world_of(TWICE)
    world.participants.scripts["AuthorizePayment"] = script

    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert state.commands[KEY].outcome is StepOutcome.UNKNOWN
    assert [call.metadata["compensates"] for call in world.participants.of("VoidAuthorization")] == [f"{SAGA}/{KEY}"]


async def test_a_crash_in_between_is_a_doubt(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(TWICE)
    world.participants.scripts["AuthorizePayment"] = [busy()]
    process = world.process()
    process.journal.cut_after = None
    await process.worker.start(world.order())
    while not any(type(entry).__name__ == "AttemptFailed" for entry in world.entries()):
        await process.worker.adapters.clock.sleep(0)
    world.participants.scripts["AuthorizePayment"] = [busy()]
    await world.recover()

    state = await world.stopped()

    assert state.status in {Status.COMPLETED, Status.COMPENSATED}
    assert state.commands[KEY].doubtful
