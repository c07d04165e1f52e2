"""The participant is reached in another way while a queue holds its command: that settles nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import OnUnknown
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.outcome import Failure, Retry
from orchestrator.journal.state import Status, StepOutcome
from orchestrator.testing.world.queue import EXPIRED
from tests.support.engine_world import SAGA, altered, rejected, trip, turns, until
from tests.support.queued_sagas import RESERVING, let_park, parked_going_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.testing.world.queue import VirtualQueue
    from tests.support.engine_world import EngineWorld

    WorldOf = Callable[..., EngineWorld]


async def moved(world: EngineWorld) -> VirtualQueue:
    """A replica that calls the participant, whose saga was parked because its reservation is in the queue."""
    queue = world.by_queue()
    world.participants.on_call = lambda command, _: queue.go_away() if command.method == "PriceOrder" else None
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    world.crash()
    world.participants.on_call = lambda *_: None
    await by_calls(world)
    return queue


async def by_calls(world: EngineWorld) -> None:
    """A replica that calls the participants, and goes on with the parked saga."""
    world.queue = None
    process = await world.open()
    await process.acts.pause(SAGA, "moved", Actor("ada"))
    await process.acts.resume(SAGA, "on", Actor("ada"))


async def test_a_refusal_in_a_participants_place_is_no_refusal_of_what_the_queue_holds(world: EngineWorld) -> None:
    world.participants.scripts["ReserveStock"] = [rejected("UNAUTHENTICATED")]
    queue = await moved(world)
    state = await world.stopped()
    queue.come_back()
    await turns()

    assert state.status is Status.COMPENSATED
    assert state.commands[RESERVING].outcome is StepOutcome.UNKNOWN
    assert "ReleaseStock" in world.participants.methods()


async def test_nor_is_one_that_comes_after_an_attempt_without_effect(world: EngineWorld) -> None:
    harmless = Retry(Failure(StatusCode.UNAVAILABLE, "later", "BUSY"))
    world.participants.scripts["ReserveStock"] = [harmless, rejected("UNAUTHENTICATED")]
    await moved(world)
    state = await world.stopped()

    assert state.commands[RESERVING].outcome is StepOutcome.UNKNOWN
    assert "ReleaseStock" in world.participants.methods()
    (failed,) = (entry for entry in world.entries() if isinstance(entry, e.AttemptFailed))
    assert failed.attempt == 2


async def test_that_of_the_guard_holds_for_what_the_queue_holds_too(world: EngineWorld) -> None:
    world.participants.scripts["ReserveStock"] = [rejected(echoed=True)]
    await moved(world)
    state = await world.stopped()

    assert state.commands[RESERVING].outcome is StepOutcome.REJECTED
    assert "ReleaseStock" not in world.participants.methods()


async def test_a_command_that_is_not_idempotent_is_not_called_while_the_queue_may_deliver_it(world_of: WorldOf) -> None:
    world = world_of(altered(trip, "ReserveStock", on_unknown=OnUnknown.COMPENSATE, idempotent=False))
    queue = await moved(world)
    for _ in range(10):
        await turns()
        world.clock.advance(60)
    assert world.participants.methods() == ["PriceOrder"]
    world.clock.advance(queue.queue_seconds)

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods() == ["PriceOrder", "ReleaseStock"]
    queue.come_back()
    await until(lambda: queue.answers.get(f"{SAGA}/{RESERVING}#1") == EXPIRED)


async def test_a_compensation_that_the_queue_holds_is_not_settled_by_a_refusal_in_a_participants_place(
    world: EngineWorld,
) -> None:
    await parked_going_back(world)
    world.crash()
    world.participants.on_call = lambda *_: None
    world.participants.scripts["VoidAuthorization"] = [rejected("UNAUTHENTICATED")]
    await by_calls(world)
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert len(world.participants.of("VoidAuthorization")) == 2
