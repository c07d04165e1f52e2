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
from orchestrator.journal.entries import RollbackBegan
from orchestrator.journal.outbox import outbox_of
from saga.v1 import bulk_pb2
from saga.v1 import bulk_service_pb2 as pb
from tests.crash.customers import Customers, in_turn
from tests.crash.orders import draw
from tests.crash.processes import PATIENCE_SECONDS
from tests.crash.test_bulk_acts import ORDERS, UNENDED, bulk_at, ended, over, parked
from tests.crash.test_events import heard
from tests.support.bulk_calls import counted, prepared
from tests.support.temporal import TemporalServer

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.processes import Process
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


@pytest.mark.timeout(300)
async def test_a_bulk_cancel_goes_on_after_a_kill_and_each_saga_is_cancelled_once(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, server: TemporalServer
) -> None:
    url = server.url(NAMESPACE)
    process = shop.orchestrator(tmp_path, engine=url)
    await process.restart()
    async with Customers(process.address) as customers:
        orders = await parked(customers, chance, run)
        act = await started_and_killed_in_the_middle(process, url, [order.order_id for order in orders])
        await process.restart()

        done = await over(process.address, act.bulk_act_id, ORDERS)
        await ended(customers, orders)
        assert await invariants.broken(customers) == []
    assert counted(done) == {"done": ORDERS}
    often = [await cancelled_for(url, order.order_id, act.bulk_act_id) for order in orders]
    assert often == [1] * ORDERS


async def started_and_killed_in_the_middle(process: Process, url: str, saga_ids: list[str]) -> bulk_pb2.BulkAct:
    """A bulk cancel of these sagas, whose only worker was killed once it had acted on one of them."""
    async with bulk_at(process.address) as bulk, asyncio.timeout(PATIENCE_SECONDS):
        act = await prepared(bulk, UNENDED, bulk_pb2.ACTION_CANCEL)
        while act.total < len(saga_ids):  # a list may be a moment late
            act = await prepared(bulk, UNENDED, bulk_pb2.ACTION_CANCEL)
        await bulk.StartBulkAct(pb.StartBulkActRequest(bulk_act_id=act.bulk_act_id, reason="fire"))
        while not any([await cancelled_for(url, saga_id, act.bulk_act_id) for saga_id in saga_ids]):
            pass
    process.kill()
    return act


async def cancelled_for(url: str, saga_id: str, bulk_act_id: str) -> int:
    """How often the journal of a saga says that it was cancelled for a bulk act."""
    entries = (await read_history(await connect(url), saga_id)).entries
    return sum(isinstance(each, RollbackBegan) and bulk_act_id in each.reason.message for each in entries)


async def told_by_the_histories(url: str, saga_ids: list[str]) -> dict[str, list[str]]:
    """The ids of the events of each saga, in order, as they follow from its entries."""
    client = await connect(url)
    expected = {}
    for saga_id in saga_ids:
        entries = (await read_history(client, saga_id)).entries
        expected[saga_id] = [event.event_id for event in outbox_of(saga_id, entries, 0, tells_life=True)]
    return expected
