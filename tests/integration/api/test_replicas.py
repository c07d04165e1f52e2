"""Two replicas with their APIs on one PostgreSQL: either answers for every saga, and for itself when that is away."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

from orchestrator.engine.replica import noted_waits
from orchestrator.engine.replica.assemble import DEFAULT_LIMITS
from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.journal.entries import RollbackBegan, SagaAdmitted, SagaRecovered
from orchestrator.store.opening import open_store
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from saga.v1.bulk_pb2 import ACTION_PAUSE
from shop.order.v1.order_service_pb2 import CancelOrderRequest
from tests.integration.api.conftest import Mocks, an_order, serving
from tests.integration.api.situations import held_at, packed
from tests.integration.api.test_finding_sagas import ANY_WAIT, listed, waiting_for_inventory
from tests.support.bulk_calls import acted, answers_of
from tests.support.postgres import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.api.conftest import Api

pytestmark = pytest.mark.usefixtures("patience")
PATIENCE = 60.0


@pytest.fixture
async def patience() -> AsyncIterator[None]:
    """A test that waits for ever fails instead."""
    async with asyncio.timeout(PATIENCE):
        yield


class Replicas:
    """Replicas that a test opens, each with a connection of its own to one database."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self._stack = stack
        self.mocks = Mocks()
        self._opened = 0

    async def open(self, lease: float = 15.0, limits: Limits = DEFAULT_LIMITS) -> Api:
        self._opened += 1
        journal = await open_store(self.url)
        self._stack.push_async_callback(journal.close)
        served = serving(journal, self.mocks, f"replica-{self._opened}", lease, limits)
        return await self._stack.enter_async_context(served)

    def let_go(self) -> None:
        for event in self.mocks.held.values():
            event.set()


@pytest.fixture
async def replicas(postgres_url: str) -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        yield Replicas(postgres_url, stack)


async def status_of(replica: Api, saga_id: str) -> int:
    return (await replica.sagas.GetSaga(pb.GetSagaRequest(saga_id=saga_id))).saga.status


def stops(replica: Api, saga_id: str) -> bool:
    """Whether a saga is advanced at this replica, and is told to stop once its answer is there."""
    executor = replica.worker.live.get(saga_id)
    return executor is not None and executor._run.stop_control.stop is not None


async def ended(replica: Api, saga_id: str) -> list[saga_pb2.Saga]:
    """Every view of a saga that is watched at a replica, until its end."""
    return [answer.saga async for answer in replica.sagas.WatchSaga(pb.WatchSagaRequest(saga_id=saga_id))]


async def test_what_one_replica_has_queued_another_one_begins_and_the_caller_is_told(
    replicas: Replicas,
) -> None:
    full = await replicas.open(limits=Limits(live=1))
    await held_at(full, an_order(), "ArrangeShipment")
    request = pb.StartSagaRequest(definition="place_order", input=packed(an_order()), wait=Duration(seconds=30))
    start = asyncio.ensure_future(full.sagas.StartSaga(request))
    queued = pb.ListSagasRequest(filter=pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_QUEUED]))
    while not (listed := (await full.sagas.ListSagas(queued)).sagas):
        pass

    other = await replicas.open()
    held = replicas.mocks.held.pop("ArrangeShipment")

    saga = (await start).saga
    assert (saga.saga_id, saga.status) == (listed[0].saga_id, saga_pb2.STATUS_COMPLETED)
    entries = await other.journal.read(saga.saga_id)
    assert [entry.owner for entry in entries if isinstance(entry, SagaAdmitted)] == ["replica-2"]
    held.set()


async def test_a_cancel_at_another_replica_reaches_the_owner_and_is_answered_with_the_rollback(
    replicas: Replicas,
) -> None:
    owner, other = await replicas.open(), await replicas.open()
    saga_id = await held_at(owner, an_order(), "ArrangeShipment")
    cancel = asyncio.ensure_future(other.sagas.CancelSaga(pb.CancelSagaRequest(saga_id=saga_id, reason="enough")))
    watching = asyncio.ensure_future(ended(other, saga_id))
    await owner.until(lambda: stops(owner, saga_id))
    replicas.let_go()

    assert (await cancel).saga.reason.requested_by == "ada"
    assert (await watching)[-1].status == saga_pb2.STATUS_COMPENSATED
    entries = await other.journal.read(saga_id)
    (began,) = [entry for entry in entries if isinstance(entry, RollbackBegan)]
    assert (began.reason.message, began.reason.requested_by) == ("enough", "ada")


async def test_an_act_that_its_owner_refuses_is_refused_at_another_replica_in_the_same_words(
    replicas: Replicas,
) -> None:
    owner, other = await replicas.open(), await replicas.open()
    saga_id = await held_at(owner, an_order(), "SendConfirmation")
    refusals = []
    for replica in (owner, other):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.orders.CancelOrder(CancelOrderRequest(order_id=saga_id, reason="enough"))
        refusals.append((refused.value.code(), refused.value.details()))

    assert refusals[0] == refusals[1]
    assert refusals[0][0] is grpc.StatusCode.FAILED_PRECONDITION
    replicas.let_go()
    await ended(other, saga_id)


async def test_an_act_whose_owner_does_not_answer_in_time_is_told_as_noted_and_done_once_after_the_takeover(
    replicas: Replicas,
) -> None:
    """The owner's connection to the journal is gone for good, and it still believes in its claim."""
    owner, other = await replicas.open(lease=3.0), await replicas.open(lease=3.0)
    saga_id = await held_at(owner, an_order(), "ArrangeShipment")
    await owner.journal.close()
    pause = pb.PauseSagaRequest(saga_id=saga_id, reason="wait")
    with pytest.raises(grpc.aio.AioRpcError) as noted:
        await other.sagas.PauseSaga(pause, timeout=1.5)
    assert noted.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    status = rpc_status.from_call(noted.value)  # type: ignore[arg-type]  # it is one
    assert status is not None
    assert b"ACT_NOTED" in status.details[0].value
    await other.until(lambda: stops(other, saga_id))
    replicas.let_go()

    async for answer in other.sagas.WatchSaga(pb.WatchSagaRequest(saga_id=saga_id)):
        if answer.saga.status == saga_pb2.STATUS_SUSPENDED:
            break
    entries = await other.journal.read(saga_id)
    assert any(isinstance(entry, SagaRecovered) for entry in entries)
    assert (answer.saga.reason.code, answer.saga.reason.requested_by) == ("PAUSED", "ada")


async def test_a_start_that_is_repeated_at_another_replica_waits_for_the_same_end(replicas: Replicas) -> None:
    owner, other = await replicas.open(), await replicas.open()
    order = an_order(request_id="0b8a5f2e-7a3e-4f5e-9b9e-3c1d0a7c1f11")
    replicas.mocks.hold("ArrangeShipment")
    saga_id = (await owner.orders.StartOrder(order)).order.order_id
    await owner.called("ArrangeShipment")
    order.wait.FromSeconds(30)
    repeated = asyncio.ensure_future(other.orders.StartOrder(order))
    await asyncio.sleep(0)
    replicas.let_go()

    answer = (await repeated).order
    assert (answer.order_id, answer.status) == (saga_id, saga_pb2.STATUS_COMPLETED)
    assert replicas.mocks.called.count(replicas.mocks.called[0]) == 1


async def test_the_feed_of_one_replica_shows_the_sagas_of_another(replicas: Replicas) -> None:
    owner, other = await replicas.open(), await replicas.open()
    feed = other.sagas.WatchSagas(pb.WatchSagasRequest())
    first: asyncio.Future[Any] = asyncio.ensure_future(feed.read())
    ordered: list[str] = []
    while not first.done():  # the feed tells what comes after its first look
        ordered.append((await owner.orders.StartOrder(an_order(wait=10))).order.order_id)

    assert first.result().saga.saga_id in ordered
    feed.cancel()


async def test_a_replica_that_stops_hands_its_sagas_over_at_once(replicas: Replicas) -> None:
    """The lease is an hour: without the hand-over nobody would have them within this test."""
    owner, other = await replicas.open(lease=3600.0), await replicas.open(lease=3600.0)
    saga_id = await held_at(owner, an_order(), "ArrangeShipment")
    closing = asyncio.ensure_future(owner.worker.close(grace=0.1))
    await closing

    async with asyncio.timeout(5.0):
        await other.until(lambda: saga_id in other.worker.live)
    replicas.let_go()
    assert (await ended(other, saga_id))[-1].status == saga_pb2.STATUS_COMPLETED


async def test_a_version_that_no_replica_serves_is_shown_by_every_replica(replicas: Replicas) -> None:
    replica = await replicas.open()
    saga_id = await held_at(replica, an_order(), "ArrangeShipment")
    await replica.worker.close(grace=0.1)
    with psycopg.connect(replicas.url, autocommit=True) as connection:
        connection.execute("UPDATE open_saga SET version = 7 WHERE saga_id = %s", [saga_id])
    other = await replicas.open()

    (unclaimed,) = (await other.sagas.GetStatistics(pb.GetStatisticsRequest())).unclaimed
    assert (unclaimed.definition, unclaimed.version, unclaimed.count) == ("place_order", 7, 1)


async def test_what_backs_off_at_one_replica_is_listed_and_acted_on_at_another(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted_waits, "LASTS_SECONDS", 0.0)
    owner, other = await replicas.open(), await replicas.open()
    saga_ids = [await waiting_for_inventory(owner, an_order()) for _ in range(3)]
    where = pb.SagaFilter(waiting_for=ANY_WAIT)
    found: list[saga_pb2.Saga] = []
    while len(found) < len(saga_ids):
        found = await listed(other, where, size=2)

    assert [saga.saga_id for saga in found] == saga_ids[::-1]
    assert [saga.saga_id for saga in await listed(owner, where)] == saga_ids[::-1]
    assert await listed(other, pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_BACKOFF])) == []
    paused = await acted(other.bulk, where, ACTION_PAUSE)
    assert answers_of(paused.values()) == dict.fromkeys(saga_ids, "done")
    assert {await status_of(other, saga_id) for saga_id in saga_ids} == {saga_pb2.STATUS_SUSPENDED}


async def test_a_replica_is_ready_as_long_as_it_reaches_its_database_and_comes_back_by_itself() -> None:
    with running() as server:
        async with AsyncExitStack() as stack:
            replica = await Replicas(server.url, stack).open()
            health: Any = HealthStub(replica.channel)
            watching = health.Watch(HealthCheckRequest())
            assert (await watching.read()).status == HealthCheckResponse.SERVING

            await asyncio.to_thread(server.stop)
            assert (await watching.read()).status == HealthCheckResponse.NOT_SERVING
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await replica.orders.StartOrder(an_order())
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE

            await asyncio.to_thread(server.start)
            assert (await watching.read()).status == HealthCheckResponse.SERVING
            completed = await replica.orders.StartOrder(an_order(wait=30))
            assert completed.order.status == saga_pb2.STATUS_COMPLETED
            watching.cancel()
