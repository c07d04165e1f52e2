"""Orders whose commands go over HTTP, over NATS, or over every channel side by side."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import pytest

from tests.crash.chaos import going_wrong, killing_in_turn, raining_cancels
from tests.crash.customers import Customers
from tests.crash.fronts import Front, Mischief
from tests.crash.http_front import HttpFront
from tests.crash.operator import Operator
from tests.crash.orders import KINDS, draw
from tests.crash.shop import FULL_NAMES
from tests.support.proxy import LinkFaults, Proxy

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop

HTTP: Final = "http"
NATS: Final = "nats"
MIXTURE: Final = {
    "pricing": HTTP,
    "inventory": NATS,
    "payment": NATS,
    "shipping": HTTP,
    "rewards": NATS,
    "email": HTTP,
}
"""Those that are not named here are reached over gRPC."""
OVER: Final = {HTTP: dict.fromkeys(FULL_NAMES, HTTP), NATS: dict.fromkeys(FULL_NAMES, NATS), "mixture": MIXTURE}


QUEUE_SECONDS: Final = 4
"""For so long a command may wait in the queue here, so that what the broker has lost is missed soon."""
SPLIT_SECONDS: Final = 3.0
MISCHIEF: Final = 0.2
"""The share of commands to which a front does something."""


def addresses(shop: Shop, over: str, broker: str = "") -> dict[str, str]:
    """Where the services are reached; the broker at another address, where one is given."""
    return {name: shop.over_http(name) if way == HTTP else shop.over_nats(broker) for name, way in OVER[over].items()}


@pytest.mark.parametrize("over", OVER)
async def test_orders_of_every_kind_end_as_they_must_over(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, over: str
) -> None:
    orchestrator = shop.orchestrator(tmp_path, instead=addresses(shop, over))
    await orchestrator.restart()
    async with Customers(orchestrator.address) as customers:
        await customers.order_all(draw(chance, len(KINDS), run=run))
        assert await invariants.broken(customers) == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("over", "rounds"), [(NATS, 2), ("mixture", 1)])
async def test_orders_survive_that_orchestrator_broker_and_services_are_killed_in_turn_over(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, over: str, rounds: int
) -> None:
    assert shop.broker is not None
    orchestrator = shop.orchestrator(tmp_path, instead=addresses(shop, over))
    await orchestrator.restart()
    services = [shop.services[name] for name in ("inventory", "payment", "shipping", "rewards")]
    async with Customers(orchestrator.address, in_flight=16) as customers:
        troubles = (
            raining_cancels(chance, customers, pause=0.3),
            killing_in_turn(chance, [orchestrator, shop.broker, chance.choice(services)], rounds=rounds),
        )
        async with going_wrong(*troubles):
            await customers.order_all(draw(chance, 30, run=run))
        assert await invariants.broken(customers) == []


async def test_orders_survive_that_the_broker_loses_what_its_disk_was_given_last(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    assert shop.broker is not None
    orchestrator = shop.orchestrator(tmp_path, instead=addresses(shop, NATS), nats_queue_seconds=str(QUEUE_SECONDS))
    await orchestrator.restart()
    async with Customers(orchestrator.address, in_flight=16) as customers:
        everything = asyncio.ensure_future(customers.order_all(draw(chance, 30, run=run)))
        for milestone in (5, 15):
            await customers.have_seen_the_end_of(milestone)
            await shop.broker.keep()
            await asyncio.sleep(1)  # what it is given in this second it loses
            await shop.broker.lose()
        await everything
        assert await invariants.broken(customers) == []


async def test_orders_survive_that_the_network_splits_orchestrator_and_broker(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    assert shop.broker is not None
    async with Proxy(shop.broker.address, chance) as network:
        orchestrator = shop.orchestrator(tmp_path, instead=addresses(shop, NATS, network.address))
        await orchestrator.restart()
        async with Customers(orchestrator.address, in_flight=16) as customers:
            everything = asyncio.ensure_future(customers.order_all(draw(chance, 30, run=run)))
            for milestone in (5, 15):
                await customers.have_seen_the_end_of(milestone)
                network.split()
                await asyncio.sleep(SPLIT_SECONDS)  # what is tested is that time has passed
                network.heal()
            await everything
            assert await invariants.broken(customers) == []


async def test_orders_survive_fronts_before_every_channel_of_a_mixture(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    assert shop.broker is not None
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        network = await enter(Proxy(shop.broker.address, chance, LinkFaults(breaks=0.01, delays=0.05, delay=0.1)))
        instead = addresses(shop, "mixture", network.address)
        fronts: list[Front | HttpFront] = []
        for name in ("fraud", "warehouse"):
            front = await enter(Front(shop.services[name].address, Mischief(chance, MISCHIEF)))
            instead[name] = front.address
            fronts.append(front)
        for name in ("shipping", "email"):
            over_http = await enter(HttpFront(shop.over_http(name), chance, MISCHIEF))
            instead[name] = over_http.url
            fronts.append(over_http)
        orchestrator = shop.orchestrator(tmp_path, instead=instead)
        await orchestrator.restart()
        operator = await enter(Operator(orchestrator.address))
        customers = await enter(Customers(orchestrator.address, operated=True))
        async with going_wrong(operator.resuming()):
            await customers.order_all(draw(chance, 30, run=run))
        assert any(front.interfered for front in fronts)
        assert await invariants.broken(customers, fronted=True) == []
