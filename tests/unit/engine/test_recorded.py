"""What the code draws from the clock or from chance is drawn once, and is the same after every restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator import saga
from orchestrator.definition import context
from orchestrator.errors import DefinitionError
from orchestrator.journal.state import Status
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import RESERVE, Answer, Shop, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld


@saga("drawn", version=1)
async def drawn(_order: StartOrderRequest, shop: Shop) -> Receipt:
    drawn_first = f"{context.now().isoformat()} {context.random()!r} {context.uuid4()} {context.uuid4()}"
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt(order_id=drawn_first)


async def test_values_are_drawn_once_and_found_again_after_a_crash(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(drawn)
    held = Answer()
    world.participants.scripts["ReserveStock"] = [held]
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: held.asked)
    before = dict(world.state().values)
    assert set(before) == {"now#1", *(f"random#{number}" for number in range(1, 8))}

    world.clock.time += 10**18
    await world.recover()
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert state.values == before
    assert state.result is not None
    moment, number, first, second = Receipt.FromString(state.result).order_id.split(" ")
    assert moment.startswith("2023-11-14T")
    assert float(number) == 0.5
    assert (first[14], first == second) == ("4", True), "version 4; the world's chance always says the same"


@pytest.mark.parametrize("draw", [context.now, context.random, context.uuid4, context.saga_id])
def test_outside_a_saga_there_is_nothing_to_be_recorded(draw: Callable[[], object]) -> None:
    with pytest.raises(DefinitionError, match="was called outside a saga"):
        draw()
