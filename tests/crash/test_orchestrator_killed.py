"""The orchestrator dies in the middle of its work."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.run import failpoints
from tests.crash.customers import Customers
from tests.crash.orders import draw

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop

MOMENTS = {"started": 3, "intended": 10, "answered": 12, "rollback_began": 1, "compensated": 2, "ended": 2}
"""At the how-manieth time that a failpoint is reached the process kills itself."""


async def test_a_hundred_orders_survive_that_the_orchestrator_is_killed_in_the_middle_of_them(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    orchestrator = shop.orchestrator(tmp_path)
    await orchestrator.restart()
    async with Customers(orchestrator.address, in_flight=32) as customers:
        everything = asyncio.ensure_future(customers.order_all(draw(chance, 100, run=run)))
        for milestone in (20, 50):
            await customers.have_seen_the_end_of(milestone)
            orchestrator.kill()
            await orchestrator.restart()
        await everything
        assert await invariants.broken(customers) == []


def test_every_failpoint_has_its_moment() -> None:
    assert set(MOMENTS) == set(failpoints.NAMES)


@pytest.mark.parametrize("name", MOMENTS)
async def test_orders_survive_that_the_orchestrator_kills_itself_where_it(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, name: str
) -> None:
    orchestrator = shop.orchestrator(tmp_path)
    await orchestrator.restart(ORCHESTRATOR_FAILPOINTS=f"{name}:{MOMENTS[name]}")
    async with Customers(orchestrator.address) as customers:
        orders = draw(chance, 6, run=run, kinds=("good", "member", "lost_reply", "declined", "piano", "fraud"))
        everything = asyncio.ensure_future(customers.order_all(orders))
        assert await orchestrator.ended() == -signal.SIGKILL
        await orchestrator.restart()
        await everything
        assert await invariants.broken(customers) == []
