"""The orchestrator dies in the middle of its work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine import failpoints
from tests.crash.customers import Customers
from tests.crash.orders import draw
from tests.crash.traces import whole_traces

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop


async def test_a_hundred_orders_survive_that_the_orchestrator_is_killed_in_the_middle_of_them(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    orchestrator = shop.orchestrator(tmp_path)
    await orchestrator.restart()
    async with Customers(orchestrator.address, in_flight=32) as customers:
        everything = asyncio.ensure_future(customers.order_all(draw(chance, 100, run=run)))
        for ended in (20, 50):
            await customers.until(lambda ended=ended: customers.ended >= ended)
            orchestrator.kill()
            await orchestrator.restart()
        await everything
        assert await invariants.broken(customers) == []
        assert await whole_traces(shop.collector, customers.placed) == []
