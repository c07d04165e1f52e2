"""Connections break, and answers are late or never come."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from tests.crash.customers import Customers
from tests.crash.orders import draw
from tests.crash.relay import ANY_SAGA, Relay
from tests.support.proxy import LinkFaults, Proxy

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop

MANY_FAULTS: Final = LinkFaults(breaks=0.02, loses=0.02, delays=0.05, delay=0.1)


async def test_orders_survive_that_connections_are_reset_in_the_middle_of_replies_and_replies_are_late_or_lost(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        proxies = {
            name: await stack.enter_async_context(Proxy(shop.services[name].address, chance, MANY_FAULTS))
            for name in ("payment", "inventory", "shipping")
        }
        addresses = {name: proxy.address for name, proxy in proxies.items()}
        orchestrator = shop.orchestrator(tmp_path, instead=addresses)
        await orchestrator.restart()
        customers = await stack.enter_async_context(Customers(orchestrator.address))
        await customers.order_all(draw(chance, 60, run=run))
        assert any(proxy.resets for proxy in proxies.values())
        assert await invariants.broken(customers) == []


async def test_effects_whose_answers_never_come_are_undone_when_their_orders_are_cancelled(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    commands = {"inventory": "ReserveStock", "payment": "AuthorizePayment", "shipping": "ArrangeShipment"}
    async with AsyncExitStack() as stack:
        relays = {
            name: await stack.enter_async_context(Relay(shop.services[name].address, silent_to={command: ANY_SAGA}))
            for name, command in commands.items()
        }
        orchestrator = shop.orchestrator(tmp_path, instead={name: relay.address for name, relay in relays.items()})
        await orchestrator.restart()
        customers = await stack.enter_async_context(Customers(orchestrator.address, patience=0))
        # Each of them gets as far as the first service that has not fallen silent to another yet.
        ending = asyncio.ensure_future(customers.order_all(draw(chance, 3, run=run, kinds=("good",))))
        for relay in relays.values():
            await relay.have_lost(1)
        await customers.have_placed(3)
        await asyncio.gather(*map(customers.cancel, customers.placed))
        await ending
        assert all(order.cancelled for order in customers.placed)
        assert await invariants.broken(customers) == []


async def test_a_pivot_and_a_compensation_whose_answers_are_lost_are_sent_until_one_comes(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        payment = await stack.enter_async_context(Relay(shop.services["payment"].address, silent={"CapturePayment": 1}))
        stock = await stack.enter_async_context(Relay(shop.services["inventory"].address, silent={"ReleaseStock": 1}))
        instead = {"payment": payment.address, "inventory": stock.address}
        orchestrator = shop.orchestrator(tmp_path, instead=instead)
        await orchestrator.restart()
        customers = await stack.enter_async_context(Customers(orchestrator.address, patience=0))
        orders = draw(chance, 2, run=run, kinds=("member", "declined"))
        ending = asyncio.ensure_future(customers.order_all(orders))
        await payment.have_lost(1)
        await customers.have_placed(2)
        # While it is unknown whether the pivot was accepted, a cancel waits; then the cancel is too late.
        (paid,) = (order for order in orders if not order.kind.refused_at)
        await customers.cancel(paid)
        await ending
        assert stock.lost == 1
        assert paid.refusal in {"PAST_PIVOT", "SAGA_ENDED"}
        assert await invariants.broken(customers) == []
