"""Orchestrator, broker and subscribers are killed in turn under load, and each event has its effects once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.crash.broker import Broker
from tests.crash.chaos import going_wrong
from tests.crash.dancing import DancedOrders, Effects, wrong_in_the_stream
from tests.crash.orders import draw
from tests.crash.processes import Guardian, free_addresses
from tests.crash.shop import Shop

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

LONGEST_PAUSE_SECONDS = 0.6
KINDS = ("good", "member", "lost_reply", "declined", "piano", "out_of_stock")


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """The broker of the events."""
    with Guardian() as guardian:
        broker = Broker(tmp_path / "broker", guardian)
        await broker.restart()
        yield broker
        broker.close()


@pytest.fixture
async def dancing_shop(tmp_path: Path, broker: Broker) -> AsyncIterator[Shop]:
    """A shop of its own, whose services hear events."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with Shop(folder, traced=False, events=events_at(broker)) as shop:
        await shop.open()
        yield shop


def events_at(broker: Broker) -> str:
    """Where events are told and heard, as a setting."""
    return f"nats://{broker.address}/events"


class KillingInTurn:
    """Kills each of these with -9, one after the other, and starts it again after a while.

    Attributes:
        rounds: how often each of them was killed.
    """

    def __init__(self, chance: random.Random, victims: Sequence[Any]) -> None:
        self._chance = chance
        self._victims = victims
        self.rounds = 0

    async def run(self) -> None:
        while True:
            for victim in self._victims:
                await self._pause()
                victim.kill()
                try:
                    await self._pause()
                finally:
                    await asyncio.shield(asyncio.ensure_future(victim.restart()))
            self.rounds += 1

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.uniform(0, LONGEST_PAUSE_SECONDS))


@pytest.mark.timeout(300)
async def test_each_event_has_its_effects_once_though_everybody_is_killed_in_turn(
    dancing_shop: Shop, broker: Broker, chance: random.Random, run: str, tmp_path: Path
) -> None:
    shop = dancing_shop
    orchestrator = shop.orchestrator(tmp_path / "state", events_sinks=f"shop={events_at(broker)}")
    await orchestrator.restart()
    (address,) = free_addresses(1)
    loyalty = shop.stand_in("loyalty", at=address, folder=shop.folder)
    loyalty.set(LOYALTY_ORCHESTRATOR=orchestrator.address, LOYALTY_ORCHESTRATOR_TOKEN=str(tmp_path / "state" / "token"))
    await loyalty.restart()
    subscribers = [shop.services[name] for name in ("email", "warehouse", "rewards")]
    victims = [orchestrator, broker, loyalty, *subscribers]
    try:
        async with DancedOrders(orchestrator.address) as orders:
            killing = KillingInTurn(chance, victims)
            async with going_wrong(killing.run()):
                while not killing.rounds:
                    await orders.order_all(draw(chance, 12, run=run, kinds=KINDS))
            assert await Effects(shop.folder).wrong(orders) == []
            assert await wrong_in_the_stream(events_at(broker), orders) == []
    finally:
        loyalty.end()
