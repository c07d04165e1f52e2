"""A pivot that is refused after doubt is asked about, because nothing may be guessed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.command import OnUnknown
from orchestrator.errors import CancelRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status
from shop.payment.v1.payment_pb2 import GetPaymentResponse
from tests.support.engine_world import BACKWARD, NOT_SEEN, SAGA, altered, rejected, trip, unknown
from tests.unit.engine.doubtful_sagas import CAPTURED, fronts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import Definition, EngineWorld


def pivot(verify: object = ...) -> Definition:
    changes: dict[str, Any] = {} if verify is ... else {"verify": verify}
    return altered(trip, "CapturePayment", on_unknown=OnUnknown.RESEND, **changes)


@fronts
async def test_a_pivot_that_is_refused_after_doubt_is_verified(world_of: Callable[..., EngineWorld], code: str) -> None:
    world = world_of(pivot())
    world.participants.scripts["CapturePayment"] = [unknown(), rejected(code)]
    world.participants.replies["GetPayment"] = GetPaymentResponse(payment_id="p-1")
    state = await world.process().run()

    assert state.status is Status.COMPLETED
    assert len(world.participants.of("CapturePayment")) == 2
    (question,) = world.participants.of("GetPayment")
    assert question.metadata["verifies"] == f"{SAGA}/{CAPTURED}"


@fronts
async def test_a_pivot_that_is_refused_after_doubt_and_cannot_be_verified_suspends(
    world_of: Callable[..., EngineWorld], code: str
) -> None:
    world = world_of(pivot(verify=None))
    world.participants.scripts["CapturePayment"] = [unknown(), rejected(code)]
    process = world.process()
    state = await process.run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("UNKNOWN", CAPTURED)
    assert not set(BACKWARD) & set(world.participants.methods()), "never compensated"
    with pytest.raises(CancelRefused, match="may be past its point of no return"):
        await process.acts.cancel(SAGA, "please", Actor("ada"))
    await process.acts.resume(SAGA, "the mesh is mended", Actor("ada"))
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_pivot_that_did_not_take_effect_is_sent_again(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(pivot())
    world.participants.scripts |= {
        "CapturePayment": [unknown(), rejected("UNIMPLEMENTED")],
        "GetPayment": [NOT_SEEN],
    }

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("CapturePayment")) == 3


async def test_a_pivot_that_did_not_take_effect_and_is_refused_again_by_a_front_suspends(
    world_of: Callable[..., EngineWorld],
) -> None:
    """The first attempt may still be on its way: only the guard's own refusal bars it."""
    world = world_of(pivot())
    world.participants.scripts |= {
        "CapturePayment": [unknown(), *[rejected("UNIMPLEMENTED")] * 2],
        "GetPayment": [NOT_SEEN] * 2,
    }
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert not set(BACKWARD) & set(world.participants.methods())


async def test_a_pivot_that_did_not_take_effect_and_is_refused_by_its_guard_rolls_back(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(pivot())
    world.participants.scripts |= {
        "CapturePayment": [unknown(), rejected("UNIMPLEMENTED"), rejected(echoed=True)],
        "GetPayment": [NOT_SEEN],
    }

    assert (await world.process().run()).status is Status.COMPENSATED
    assert world.participants.methods()[-3:] == BACKWARD


@pytest.mark.parametrize(
    "answer",
    [
        rejected("NOT_FOUND", ""),
        rejected("NOT_FOUND", "ROUTE_NOT_FOUND"),
        rejected("PERMISSION_DENIED", "COMMAND_NOT_SEEN"),
        rejected("UNIMPLEMENTED", ""),
    ],
)
async def test_only_what_a_guard_says_of_a_command_is_a_no(
    world_of: Callable[..., EngineWorld], answer: object
) -> None:
    world = world_of(pivot())
    world.participants.scripts |= {"CapturePayment": [unknown(), rejected("NOT_FOUND")], "GetPayment": [answer]}
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.code == "UNKNOWN"


async def test_a_rule_of_the_querys_contract_may_say_no(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(pivot())
    ruled = rejected("NOT_FOUND", "")._replace(ruled=True)
    world.participants.scripts |= {"CapturePayment": [unknown(), rejected("NOT_FOUND")], "GetPayment": [ruled]}

    assert (await world.process().run()).status is Status.COMPLETED
