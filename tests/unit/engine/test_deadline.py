"""A deadline that passes rolls a saga back in time, and past the pivot it is only noted."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from tests.support.engine_world import BACKWARD, FORWARD, Answer, rejected, trip, turns, unknown, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld


@pytest.fixture
def world(world_of: Callable[..., EngineWorld]) -> EngineWorld:
    """A world for a saga that may take 100 seconds, 20 of which are kept for its rollback."""
    return world_of(dataclasses.replace(trip, deadline=timedelta(seconds=100), reserve=timedelta(seconds=20)))


def timeouts_of_the_contracts() -> dict[str, float]:
    """Per method, the seconds that its contract gives to an attempt."""
    commands = (command for participant in trip.participants for command in participant.commands.values())
    return {command.method: command.timeout.total_seconds() for command in commands}


async def at(world: EngineWorld, method: str) -> Answer:
    """A saga that waits for the answer to this method."""
    answer = Answer()
    world.participants.scripts[method].append(answer)
    await world.process().worker.start(world.order())
    await until(lambda: answer.asked)
    await until(world.clock.is_held)
    return answer


@pytest.mark.parametrize("method", FORWARD[:4])
async def test_when_only_the_reserve_is_left_a_saga_before_its_pivot_is_rolled_back(
    world: EngineWorld, method: str
) -> None:
    answer = await at(world, method)
    world.clock.advance(79)
    await turns()
    world.clock.advance(2)
    await turns()
    assert not world.state().rollback, "the answer in flight is awaited"

    answer.give()
    state = await world.stopped()
    assert (state.status, state.reason) == (
        Status.COMPENSATED,
        Reason(ReasonCode.DEADLINE, "the saga's deadline passed"),
    )
    assert world.participants.methods() == [
        *FORWARD[: FORWARD.index(method) + 1],
        *BACKWARD[3 - FORWARD.index(method) :],
    ]


async def test_a_saga_in_time_is_left_alone(world: EngineWorld) -> None:
    answer = await at(world, "AuthorizePayment")
    world.clock.advance(79)
    await turns()
    answer.give()

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_deadline_that_passes_during_a_rollback_changes_nothing(world: EngineWorld) -> None:
    world.participants.scripts["CapturePayment"] = [rejected()]
    answer = await at(world, "VoidAuthorization")
    world.clock.advance(200)
    await turns()
    answer.give()

    state = await world.stopped()
    assert state.status is Status.COMPENSATED
    assert state.reason is not None
    assert state.reason.code == "REJECTED"


async def test_a_deadline_past_the_pivot_is_noted_and_the_saga_keeps_going(world: EngineWorld) -> None:
    answer = await at(world, "SendConfirmation")
    world.clock.advance(81)
    await turns()
    assert not world.state().overdue
    await until(world.clock.is_held)
    world.clock.advance(20)
    await until(lambda: world.state().overdue)
    answer.give(unknown())

    state = await world.stopped()
    assert (state.status, state.overdue) == (Status.COMPLETED, True)
    assert world.participants.methods() == [*FORWARD, "SendConfirmation"]


async def test_a_deadline_that_passes_while_the_pivot_is_in_flight_waits_for_it(world: EngineWorld) -> None:
    answer = await at(world, "CapturePayment")
    world.clock.advance(81)
    await turns()
    answer.give()

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_deadline_that_passed_while_no_replica_advanced_the_saga_rolls_it_back_on_recovery(
    world: EngineWorld,
) -> None:
    await at(world, "AuthorizePayment")
    world.crash()
    world.clock.advance(500)
    await world.open()

    state = await world.stopped()
    assert state.status is Status.COMPENSATED
    assert state.reason is not None
    assert state.reason.message == "the saga's deadline passed"


@pytest.mark.parametrize("method", FORWARD[1:4])
async def test_an_attempt_ends_before_it_would_use_up_the_reserve(world: EngineWorld, method: str) -> None:
    """What is kept for the rollback is not spent on waiting for an answer."""
    before = await at(world, FORWARD[FORWARD.index(method) - 1])
    world.clock.advance(79.5)
    before.give()

    await world.stopped()
    assert world.participants.timeouts[method] == pytest.approx(0.5, abs=0.01)


async def test_an_attempt_far_from_the_reserve_has_the_time_of_its_contract(world: EngineWorld) -> None:
    await world.process().run()

    contracts = timeouts_of_the_contracts()
    assert world.participants.timeouts == {method: contracts[method] for method in FORWARD}


@pytest.mark.parametrize("method", FORWARD[4:])
async def test_an_attempt_of_what_can_only_go_forward_may_use_the_reserve(world: EngineWorld, method: str) -> None:
    before = await at(world, FORWARD[FORWARD.index(method) - 1])
    world.clock.advance(79.9)
    before.give()

    await world.stopped()
    assert world.participants.timeouts[method] == timeouts_of_the_contracts()[method]


async def test_a_pivot_in_doubt_after_the_deadline_has_time_to_answer(world: EngineWorld) -> None:
    """Nothing can be done about it but to ask again; with no time to answer it would be asked for ever."""
    answer = await at(world, "CapturePayment")
    in_time = world.participants.timeouts["CapturePayment"]
    world.clock.advance(81)
    answer.give(unknown())

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.timeouts["CapturePayment"] == in_time
