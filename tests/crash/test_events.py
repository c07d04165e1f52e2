"""Orchestrator and broker are killed in turn while orders flow: no event is lost, none is told of what never was.

The orchestrator is also the relay. What a subscriber reads at the end is held against the journal: each saga's events
are there, once each, and in their order.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import nats

from orchestrator.journal.outbox import outbox_of
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.store.opening import default_url, open_reader
from tests.crash.customers import Customers
from tests.crash.orders import draw

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop
    from tests.support.nats import NatsServer

ORDERS: Final = 60
PATIENCE: Final = 90


async def test_no_event_is_lost_while_the_orchestrator_and_the_broker_are_killed_in_turn(
    shop: Shop,
    invariants: Invariants,
    chance: random.Random,
    run: str,
    tmp_path: Path,
    nats_server: NatsServer,
) -> None:
    orchestrator = shop.orchestrator(tmp_path)
    settings = {"ORCHESTRATOR_EVENTS_SINKS": f"analytics={nats_server.url}/events", "ORCHESTRATOR_LEASE_SECONDS": "2"}
    await orchestrator.restart(**settings)
    async with Customers(orchestrator.address, in_flight=16) as customers:
        everything = asyncio.ensure_future(customers.order_all(draw(chance, ORDERS, run=run)))
        await customers.have_seen_the_end_of(10)
        nats_server.kill()
        await customers.have_seen_the_end_of(20)
        orchestrator.kill()
        nats_server.start()
        await orchestrator.restart(**settings)
        await customers.have_seen_the_end_of(40)
        nats_server.kill()
        orchestrator.kill()
        await orchestrator.restart(**settings)
        nats_server.start()
        await everything
        assert await invariants.broken(customers) == []

    expected = await told_by_the_journal(tmp_path)
    assert len(expected) >= ORDERS
    assert await heard(nats_server, expected) == expected


async def told_by_the_journal(folder: Path) -> dict[str, list[str]]:
    """The ids of the events of each saga, in order, as they follow from its entries."""
    journal = await open_reader(default_url(folder))
    try:
        found, _ = await journal.search(SagaFilter(), 1_000, "")
        ids = [record.saga_id for record in found]
        return {
            saga_id: [event.event_id for event in outbox_of(saga_id, await journal.read(saga_id), 0, tells_life=True)]
            for saga_id in ids
        }
    finally:
        await journal.close()


async def heard(server: NatsServer, expected: dict[str, list[str]]) -> dict[str, list[str]]:
    """The ids of the events that a subscriber reads of each saga, once as many have come as are expected."""
    client = await nats.connect(server.url)
    subscription = await client.jetstream().subscribe("events.>", ordered_consumer=True)
    found: dict[str, list[str]] = {}
    number = sum(map(len, expected.values()))
    async with asyncio.timeout(PATIENCE):
        while sum(map(len, found.values())) < number:
            message = await subscription.next_msg(PATIENCE)
            headers = message.headers or {}
            ids = found.setdefault(headers["ce-subject"], [])
            if headers["ce-id"] not in ids:  # a subscriber remembers what it has seen
                ids.append(headers["ce-id"])
    await client.close()
    return found
