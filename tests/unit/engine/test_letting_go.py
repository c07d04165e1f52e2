"""A replica that ends lets go of its sagas, and another one goes on with them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.state import Status
from tests.support.engine_world import FORWARD, SAGA, rejected, turns, unknown, until
from tests.unit.engine.held_sagas import started

if TYPE_CHECKING:
    from tests.support.engine_world import EngineWorld


@pytest.mark.parametrize("method", FORWARD)
@pytest.mark.parametrize("late", [None, unknown()], ids=["completed", "unknown"])
async def test_a_graceful_close_keeps_the_answer_in_flight_and_the_next_replica_goes_on(
    world: EngineWorld, method: str, late: object
) -> None:
    process, answer = await started(world, method)
    closing = asyncio.ensure_future(process.worker.close(grace=60))
    await turns()
    assert not closing.done()
    answer.give(late)  # type: ignore[arg-type]  # an outcome
    await closing
    kept = world.state().commands
    sent = len(world.participants.calls)
    assert sent == FORWARD.index(method) + 1

    await world.open()
    assert (await world.stopped()).status is Status.COMPLETED
    again = [call.method for call in world.participants.calls[sent:]]
    assert again == FORWARD[FORWARD.index(method) + (late is None) :]
    (command,) = [command for command in kept.values() if command.method.endswith(method)]
    assert command.attempts == 1


async def test_a_graceful_close_does_not_wait_for_pauses(world: EngineWorld) -> None:
    world.clock.hold_from = 0.0
    process, answer = await started(world, "ReserveStock")
    answer.give(unknown())
    await until(lambda: world.state().commands["InventoryService.ReserveStock#1"].attempts)
    await process.worker.close(grace=60)

    assert not process.worker.live


async def test_a_graceful_close_in_the_middle_of_a_rollback_goes_on_at_the_next_replica(world: EngineWorld) -> None:
    world.participants.scripts["CapturePayment"] = [rejected()]
    process, answer = await started(world, "VoidAuthorization")
    closing = asyncio.ensure_future(process.worker.close(grace=60))
    await turns()
    answer.give()
    await closing
    await world.open()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods() == [*FORWARD[:5], "CancelShipment", "VoidAuthorization", "ReleaseStock"]


async def test_what_is_released_is_recovered_before_any_lease_lapses(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    other = await world.open()
    assert not other.worker.live
    closing = asyncio.ensure_future(process.worker.close(grace=60))
    answer.give()
    await closing
    world.clock.advance(21)

    assert (await world.stopped()).status is Status.COMPLETED
    assert SAGA not in process.worker.live


async def test_a_close_without_patience_gives_up_what_has_not_answered(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    await process.worker.close(grace=0)
    answer.give()
    await turns()
    assert world.participants.methods() == FORWARD[:2]

    await world.open()
    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods().count("ReserveStock") == 2
