"""Participants die, freeze and come back; the orchestrator does, too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from tests.crash.chaos import going_wrong, killing, raining_cancels
from tests.crash.customers import Customers
from tests.crash.orders import draw

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop

PAST_THE_DEADLINE_SECONDS: Final = 2.5
"""Longer than the shop's contracts give any command, and than the lease of the orchestrators here."""


async def test_orders_survive_that_participants_are_killed_at_random(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    orchestrator = shop.orchestrator(tmp_path)
    await orchestrator.restart()
    async with Customers(orchestrator.address, in_flight=16) as customers:
        async with going_wrong(killing(chance, list(shop.services.values()), pause=0.5, times=4)):
            await customers.order_all(draw(chance, 45, run=run))
        assert await invariants.broken(customers) == []


async def test_orders_survive_that_cancels_rain_while_the_orchestrator_and_its_participants_are_killed(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    orchestrator = shop.orchestrator(tmp_path)
    await orchestrator.restart()
    async with Customers(orchestrator.address, in_flight=16) as customers:
        troubles = (
            raining_cancels(chance, customers),
            killing(chance, [orchestrator], times=2),
            killing(chance, [shop.services[name] for name in ("inventory", "payment", "shipping")], times=3),
        )
        async with going_wrong(*troubles):
            await customers.order_all(draw(chance, 45, run=run))
        assert any(order.cancelled for order in customers.placed)
        assert await invariants.broken(customers) == []


@pytest.mark.parametrize("victim", ["orchestrator", "payment"])
async def test_orders_survive_that_time_stands_still_for_longer_than_every_deadline_in_the(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, victim: str
) -> None:
    orchestrator = shop.orchestrator(tmp_path, lease_seconds="1")
    await orchestrator.restart()
    process = {"orchestrator": orchestrator, **shop.services}[victim]
    async with Customers(orchestrator.address) as customers:
        everything = asyncio.ensure_future(customers.order_all(draw(chance, 30, run=run)))
        await customers.have_placed(5)
        process.freeze()
        # Time itself is what is tested here, so it has to pass.
        await asyncio.sleep(PAST_THE_DEADLINE_SECONDS)
        process.thaw()
        await everything
        assert await invariants.broken(customers) == []
