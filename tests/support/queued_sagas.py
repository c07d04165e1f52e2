"""Sagas whose participants are reached over a queue, and are away: brought to where they are parked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal import entries as e
from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, rejected, turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.testing.world.queue import VirtualQueue
    from tests.support.engine_world import EngineProcess, EngineWorld

RESERVING = "InventoryService.ReserveStock#1"
PRICING = "PricingService.PriceOrder#1"


async def parked(world: EngineWorld) -> tuple[EngineProcess, VirtualQueue]:
    """A replica whose saga is parked, because the participants are away."""
    queue = world.by_queue()
    queue.go_away()
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    return process, queue


async def let_park(world: EngineWorld) -> None:
    """Let the time pass after which a saga is parked."""
    await let_pass_until(world, lambda: e.SagaParked in kinds(world))


async def let_pass_until(world: EngineWorld, condition: Callable[[], object]) -> None:
    """Let seconds pass until the condition holds."""
    for _ in range(20):
        await turns()
        if condition():
            return
        world.clock.advance(1.0)
    raise AssertionError(world.entries())


def kinds(world: EngineWorld) -> list[type[e.Entry]]:
    return [type(entry) for entry in world.entries()]


async def being_parked(world: EngineWorld, process: EngineProcess) -> None:
    """The saga of the world is being parked on this replica: what says so is on its way to the journal."""
    await let_pass_until(world, lambda: e.CommandQueued in kinds(world))
    process.journal.journal_is = "held"
    await let_pass_until(world, lambda: process.worker.live[SAGA].state.status is Status.WAITING)


def park_and_crash(world: EngineWorld, process: EngineProcess) -> None:
    """That is durable now, and the replica dies before it hears of it."""
    process.journal.cut_after, process.journal.loses_acknowledgement = len(world.entries()) + 1, True
    process.journal.switch("up")
    assert process.is_dead
    assert kinds(world)[-1] is e.SagaParked


async def going_back(world: EngineWorld) -> tuple[EngineProcess, VirtualQueue]:
    """A replica whose saga begins to roll back: its shipment is refused, and then the participants are away."""
    queue = world.by_queue()
    world.participants.scripts["ArrangeShipment"] = [rejected()]
    world.participants.on_call = lambda command, _: queue.go_away() if command.method == "ArrangeShipment" else None
    process = await world.open()
    await process.worker.start(world.order())
    return process, queue


async def parked_going_back(world: EngineWorld) -> tuple[EngineProcess, VirtualQueue]:
    """The same, once the saga is parked: its first compensation is in the queue."""
    process, queue = await going_back(world)
    await let_park(world)
    await turns()
    return process, queue
