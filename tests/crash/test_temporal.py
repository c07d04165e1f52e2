"""Workers of a Temporal cluster are killed, and so are its server and the broker of events.

Every order ends once, nothing is done twice, and each event of its saga is told, in order.
``python -m tests.crash.soak_temporal --orders 1000`` does the same for as many orders as one likes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.cli.loading.modules import load_definitions
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.finding.history import read_history
from orchestrator.engine.temporal.replaying import Replayed, replay_histories
from orchestrator.journal.outbox import outbox_of
from tests.crash.customers import Customers, in_turn
from tests.crash.orders import draw
from tests.crash.processes import PATIENCE_SECONDS
from tests.crash.test_events import heard
from tests.support.temporal import TemporalServer

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop
    from tests.support.nats import NatsServer

NAMESPACE: Final = "shop"
WORKERS: Final = 2
ROUNDS: Final = 3
ORDERS_OF_A_ROUND: Final = 8
SERVER_KILLED: Final = frozenset({1})
"""In which rounds the server is killed, too, and the broker."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TemporalServer]:
    server = TemporalServer(tmp_path, [NAMESPACE], database=True)
    server.start()
    yield server
    server.kill()


@pytest.mark.timeout(600)  # what a killed worker had in hand is lost after seconds, and the server has to come back
async def test_every_order_ends_once_though_workers_and_the_server_are_killed_in_turn(
    shop: Shop,
    invariants: Invariants,
    chance: random.Random,
    run: str,
    tmp_path: Path,
    server: TemporalServer,
    nats_server: NatsServer,
) -> None:
    url = server.url(NAMESPACE)
    settings = {"ORCHESTRATOR_EVENTS_SINKS": f"analytics={nats_server.url}/events"}
    workers = [shop.orchestrator(tmp_path, engine=url) for _ in range(WORKERS)]
    await asyncio.gather(*(worker.restart(**settings) for worker in workers))
    async with Customers(in_turn(workers), in_flight=8) as customers:
        everything = []
        for number in range(ROUNDS):
            orders = draw(chance, ORDERS_OF_A_ROUND, run=run)
            everything.append(asyncio.ensure_future(customers.order_all(orders)))
            await customers.have_placed(customers.acknowledged + ORDERS_OF_A_ROUND // 2)
            victim = workers[number % WORKERS]
            victim.kill()
            if number in SERVER_KILLED:
                nats_server.kill()
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                nats_server.start()
            await victim.restart(**settings)
        await asyncio.gather(*everything)
        assert await invariants.broken(customers) == []
    definitions = load_definitions(["orchestrator.shop"], ())
    client, replayed = await connect(url), list[Replayed]()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(replayed) < ROUNDS * ORDERS_OF_A_ROUND:  # a list may be a moment late
            replayed = [each async for each in replay_histories(client, definitions, SystemClock())]
    assert [each for each in replayed if each.failure] == []
    expected = await told_by_the_histories(url, [each.saga_id for each in replayed])
    assert await heard(nats_server, expected) == expected


async def told_by_the_histories(url: str, saga_ids: list[str]) -> dict[str, list[str]]:
    """The ids of the events of each saga, in order, as they follow from its entries."""
    client = await connect(url)
    expected = {}
    for saga_id in saga_ids:
        entries = (await read_history(client, saga_id)).entries
        expected[saga_id] = [event.event_id for event in outbox_of(saga_id, entries, 0, tells_life=True)]
    return expected
