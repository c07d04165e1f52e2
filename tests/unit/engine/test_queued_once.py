"""Commands over a queue that are not idempotent: no other attempt is made while one may be executed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import OnUnknown
from orchestrator.journal.state import Status
from tests.support.engine_world import FORWARD, NOT_SEEN, SAGA, altered, trip, until
from tests.support.queued_sagas import let_park

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.testing.world.queue import VirtualQueue
    from tests.support.engine_world import EngineProcess, EngineWorld

    WorldOf = Callable[..., EngineWorld]

AUTHORIZING = "PaymentService.AuthorizePayment#1"
ONCE = f"{SAGA}/{AUTHORIZING}#1"


def fragile(world_of: WorldOf, policy: OnUnknown) -> EngineWorld:
    """A world in which the payment is authorized as often as it is asked for."""
    return world_of(altered(trip, "AuthorizePayment", on_unknown=policy, idempotent=False))


async def authorizing(world: EngineWorld, *, acknowledges: bool = True) -> tuple[EngineProcess, VirtualQueue]:
    """A replica whose saga has just published that command, and whose participants are away."""
    queue = world.by_queue()

    def leave(method: str) -> None:
        if method == "ReserveStock":
            queue.go_away()
            queue.acknowledges = acknowledges

    world.participants.on_call = lambda command, _: leave(command.method)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: ONCE in queue.published)
    return process, queue


@pytest.mark.parametrize("policy", [OnUnknown.VERIFY, OnUnknown.COMPENSATE, OnUnknown.SUSPEND])
async def test_a_command_that_was_not_acknowledged_is_awaited_and_neither_sent_again_nor_compensated(
    world_of: WorldOf, policy: OnUnknown
) -> None:
    world = fragile(world_of, policy)
    world.participants.scripts["GetPayment"] = [NOT_SEEN]
    _, queue = await authorizing(world, acknowledges=False)
    await let_park(world)
    queue.acknowledges = True
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD


async def test_an_idempotent_command_that_was_not_acknowledged_is_sent_again(world: EngineWorld) -> None:
    _, queue = await authorizing(world, acknowledges=False)
    queue.acknowledges = True
    world.clock.advance(10)
    await until(lambda: len(queue.published) > 3)

    assert queue.published[-2:] == [ONCE, f"{SAGA}/{AUTHORIZING}#2"]
    queue.come_back()
    assert (await world.stopped()).status is Status.COMPLETED
