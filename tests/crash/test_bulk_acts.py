"""A bulk cancel of two thousand sagas, while the process that carries it out is killed with -9.

Most of the sagas are suspended before their first command; some are orders that wait for somebody's approval, with
stock reserved and all that. In the end each is cancelled, once, and the bulk act has counted them all.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from orchestrator.channels.grpc.bearer import with_token
from orchestrator.journal.entries import RollbackBegan, SagaStarted, SagaSuspended
from orchestrator.journal.fold import fold
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.shop.place_order import place_order
from orchestrator.store.opening import open_reader, open_store
from saga.v1 import bulk_pb2, saga_pb2
from saga.v1 import bulk_service_pb2 as pb
from saga.v1.bulk_service_pb2_grpc import BulkActServiceStub
from saga.v1.saga_service_pb2 import SagaFilter
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.crash.customers import Customers
from tests.crash.orders import order_of
from tests.crash.processes import connect_in_plain
from tests.crash.replicas import replicas_of
from tests.crash.test_approvals import KINDS, waits
from tests.support.bulk_calls import counted, prepared
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from google.protobuf.message import Message

    from orchestrator.journal.entries import Entry
    from tests.crash.invariants import Invariants
    from tests.crash.orders import Placed
    from tests.crash.processes import Process
    from tests.crash.shop import Shop

SUSPENDED: Final = 2000
ORDERS: Final = 12
EARLY: Final = 100
"""So many sagas have been acted on, at least, when the process is killed."""
PATIENCE: Final = 300
PAUSE: Final = 0.05
UNENDED: Final = SagaFilter(
    definition="place_order", statuses=[saga_pb2.STATUS_SUSPENDED, saga_pb2.STATUS_WAITING, saga_pb2.STATUS_RUNNING]
)


@asynccontextmanager
async def bulk_at(address: str) -> AsyncIterator[BulkActServiceStub]:
    """Bulk acts, as the local operator has them."""
    async with connect_in_plain(address, with_token(TOKEN)) as channel:
        yield BulkActServiceStub(channel)


async def insisting(call: Callable[..., Awaitable[Any]], request: Message) -> Any:  # noqa: ANN401 - any answer
    """The answer, asked for until there is a replica that gives it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await call(request, timeout=10)
            except grpc.aio.AioRpcError as error:
                if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                    raise
                await asyncio.sleep(PAUSE)


async def fill(url: str) -> list[str]:
    """Write sagas into a journal that somebody has suspended before their first command; their ids."""
    journal, now = await open_store(url), time.time_ns()
    request = StartOrderRequest(customer_id="mallory").SerializeToString()
    of = (place_order.name, place_order.version)
    started = SagaStarted(now, *of, request, attributes=(("customer_id", "mallory"),))
    entries: list[Entry] = [
        started,
        SagaSuspended(now, Reason(ReasonCode.PAUSED, "the warehouse is on fire", requested_by="ada")),
    ]
    saga_ids = [f"suspended-{number}" for number in range(SUSPENDED)]
    new = NewSaga(*of, b"", now, started.attributes)
    await asyncio.gather(
        *(journal.append(Append(each, "filler", 1, 0, entries, Status.SUSPENDED, new=new)) for each in saga_ids)
    )
    await journal.close()
    return saga_ids


async def parked(customers: Customers, chance: random.Random, run: str) -> list[Placed]:
    """Orders that wait for somebody's approval."""
    orders = [order_of(chance, KINDS[2], f"{run}-{number}") for number in range(ORDERS)]
    for order in orders:
        customers.placed.append(order)
        await customers.place(order)
        await waits(customers, order)
    return orders


async def started_and_killed(process: Process) -> bulk_pb2.BulkAct:
    """A bulk cancel of all sagas, whose process was killed in the middle of it; as it was when it was prepared."""
    async with bulk_at(process.address) as bulk:
        act = await prepared(bulk, UNENDED, bulk_pb2.ACTION_CANCEL)
        assert (act.total, act.to_do) == (SUSPENDED + ORDERS, SUSPENDED + ORDERS)
        await bulk.StartBulkAct(pb.StartBulkActRequest(bulk_act_id=act.bulk_act_id, reason="fire"))
        seen = act
        while counted(seen).get("done", 0) < EARLY:
            await asyncio.sleep(PAUSE)
            seen = (await bulk.GetBulkAct(pb.GetBulkActRequest(bulk_act_id=act.bulk_act_id))).bulk_act
        process.kill()
    assert seen.status == bulk_pb2.BULK_ACT_STATUS_RUNNING
    assert counted(seen)["done"] < SUSPENDED, "it was killed too late"
    return act


async def over(address: str, bulk_act_id: str, total: int = SUSPENDED + ORDERS) -> bulk_pb2.BulkAct:
    """A bulk act once it is over; its numbers add up on the way."""
    async with bulk_at(address) as bulk, asyncio.timeout(PATIENCE):
        while True:
            act: bulk_pb2.BulkAct = (
                await insisting(bulk.GetBulkAct, pb.GetBulkActRequest(bulk_act_id=bulk_act_id))
            ).bulk_act
            assert sum(each.count for each in act.counts) == act.total == total
            if act.status == bulk_pb2.BULK_ACT_STATUS_ENDED:
                return act
            await asyncio.sleep(PAUSE)


async def acted_on(url: str, bulk_act_id: str, saga_ids: list[str]) -> dict[int, int]:
    """How often the journals of sagas say that they were cancelled by this bulk act, and how many say so."""
    reader, often = await open_reader(url), Counter[int]()
    for saga_id in saga_ids:
        entries = await reader.read(saga_id)
        assert fold(saga_id, entries).status is Status.COMPENSATED, saga_id
        began = [each for each in entries if isinstance(each, RollbackBegan)]
        assert all(bulk_act_id in each.reason.message for each in began), saga_id
        often[len(began)] += 1
    await reader.close()
    return often


async def ended(customers: Customers, orders: list[Placed]) -> None:
    for order in orders:
        order.cancelled = True
        await customers.follow(order)


async def test_a_bulk_cancel_goes_on_after_a_kill_and_each_saga_is_cancelled_once(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    url = f"sqlite:{tmp_path}/journal.db"
    suspended = await fill(url)
    process = shop.orchestrator(tmp_path, journal=url)
    await process.restart()
    async with Customers(process.address) as customers:
        orders = await parked(customers, chance, run)
        act = await started_and_killed(process)
        await process.restart()

        done = await over(process.address, act.bulk_act_id)
        await ended(customers, orders)
        assert await invariants.broken(customers, beside=set(suspended)) == []
    assert (done.total, done.to_do, counted(done)) == (act.total, act.to_do, {"done": act.total})
    saga_ids = [*suspended, *(order.order_id for order in orders)]
    assert await acted_on(url, act.bulk_act_id, saga_ids) == {1: len(saga_ids)}


async def test_a_bulk_cancel_goes_on_at_another_replica_and_each_saga_is_cancelled_once(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, postgres_url: str
) -> None:
    suspended = await fill(postgres_url)
    first, second = await replicas_of(shop, tmp_path, postgres_url, 2)
    async with Customers(second.address) as customers:
        orders = await parked(customers, chance, run)
        act = await started_and_killed(first)

        done = await over(second.address, act.bulk_act_id)
        await ended(customers, orders)
        assert await invariants.broken(customers, beside=set(suspended)) == []
    assert (done.total, done.to_do, counted(done)) == (act.total, act.to_do, {"done": act.total})
    saga_ids = [*suspended, *(order.order_id for order in orders)]
    assert await acted_on(postgres_url, act.bulk_act_id, saga_ids) == {1: len(saga_ids)}
