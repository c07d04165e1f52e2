"""Starts beyond what a replica may advance: queued, shown, begun in their turn; refused once the queue is full."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.journal.state import Status
from orchestrator.store.memory.journal import MemoryJournal
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from saga.v1.bulk_pb2 import ACTION_CANCEL
from tests.integration.api.conftest import Mocks, serving
from tests.integration.api.situations import get, held_at, packed, retry_of, start
from tests.support.bulk_calls import acted, answers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]

QUEUED = pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_QUEUED])


@pytest.fixture
async def api(an_order: AnOrder) -> AsyncIterator[Api]:
    """A replica that advances one saga at a time, and is busy with one."""
    limits = Limits(live=1, queued=3, queued_by_definition={"place_order": 3})
    async with serving(MemoryJournal(SystemClock().now), Mocks(), "test", limits=limits) as api:
        await held_at(api, an_order(), "PriceOrder")
        yield api


async def listed(api: Api, where: pb.SagaFilter) -> list[saga_pb2.Saga]:
    return list((await api.sagas.ListSagas(pb.ListSagasRequest(filter=where))).sagas)


async def test_a_queued_start_is_answered_as_it_stands_and_is_begun_later(api: Api, an_order: AnOrder) -> None:
    saga = await start(api, an_order())

    assert saga.status == saga_pb2.STATUS_WAITING
    (waiting,) = saga.waiting
    assert (waiting.reason, waiting.since) == (saga_pb2.WAIT_REASON_QUEUED, saga.started_at)
    assert (await get(api, saga.saga_id)).waiting == saga.waiting

    waiting_for_it = start(api, an_order(), wait=30)
    api.mocks.hold("PriceOrder").set()

    assert (await waiting_for_it).status == saga_pb2.STATUS_COMPLETED
    journal = (await get(api, saga.saga_id, journal=True)).journal
    assert [(entry.kind, entry.value) for entry in journal[1:3]] == [("SagaQueued", "normal"), ("SagaAdmitted", "")]


async def test_starts_of_an_application_are_queued_too_and_say_how_urgent_they_are(api: Api, an_order: AnOrder) -> None:
    later = await api.orders.StartOrder(an_order(), metadata=(("saga-priority", "low"),))
    sooner = await api.orders.StartOrder(an_order(), metadata=(("saga-priority", "HIGH"),))
    api.mocks.hold("PriceOrder").set()
    ended = [await api.worker.wait(each.order.order_id, 30) for each in (sooner, later)]

    assert all(state.status is Status.COMPLETED for state in ended)
    assert (ended[0].ended_at or 0) < (ended[1].ended_at or 0)


async def test_an_unknown_priority_is_refused(api: Api, an_order: AnOrder) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.orders.StartOrder(an_order(), metadata=(("saga-priority", "urgent"),))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "low, normal, high" in str(refused.value.details())


async def test_a_full_queue_refuses_with_the_time_to_come_again_and_leaves_no_row(api: Api, an_order: AnOrder) -> None:
    for _ in range(3):
        await start(api, an_order())
    request = pb.StartSagaRequest(
        definition="place_order", input=packed(an_order()), request_id=str(uuid.uuid4()), wait=Duration(seconds=1)
    )

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.sagas.StartSaga(request)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    reason, seconds = retry_of(refused.value)
    assert reason == "QUEUE_FULL"
    assert seconds > 0
    assert len(api.journal._sagas) == 4
    assert (await api.sagas.GetStatistics(pb.GetStatisticsRequest())).admission.refused == 1


async def test_queued_sagas_are_listed_and_counted(api: Api, an_order: AnOrder) -> None:
    assert await listed(api, QUEUED) == []
    first = await start(api, an_order(customer_id="ada"))
    second = await start(api, an_order(customer_id="bob"))

    assert [saga.saga_id for saga in await listed(api, QUEUED)] == [second.saga_id, first.saga_id]
    assert all(saga.waiting[0].reason == saga_pb2.WAIT_REASON_QUEUED for saga in await listed(api, QUEUED))
    of_ada = pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_QUEUED], attributes={"customer_id": "ada"})
    assert [saga.saga_id for saga in await listed(api, of_ada)] == [first.saga_id]

    statistics = await api.sagas.GetStatistics(pb.GetStatisticsRequest())
    (load,) = statistics.loads
    assert (load.definition, load.live, load.queued, load.most_queued) == ("place_order", 1, 2, 3)
    assert load.oldest_queued_at == first.started_at
    assert (statistics.admission.most_live_sagas, statistics.admission.most_queued_sagas) == (1, 3)


async def test_queued_sagas_are_listed_together_with_those_that_wait_for_timers(api: Api, an_order: AnOrder) -> None:
    queued = await start(api, an_order())
    either = pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_QUEUED, saga_pb2.WAIT_REASON_TIMER])

    assert [saga.saga_id for saga in await listed(api, either)] == [queued.saga_id]
    assert await listed(api, pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_TIMER])) == []


async def test_queued_sagas_are_not_asked_for_together_with_those_that_back_off(api: Api) -> None:
    both = pb.SagaFilter(waiting_for=[saga_pb2.WAIT_REASON_QUEUED, saga_pb2.WAIT_REASON_BACKOFF])

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await listed(api, both)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_all_queued_sagas_are_cancelled_by_one_act(api: Api, an_order: AnOrder) -> None:
    saga_ids = [(await start(api, an_order())).saga_id for _ in range(2)]

    done = await acted(api.bulk, QUEUED, ACTION_CANCEL)

    assert answers_of(done.values()) == dict.fromkeys(saga_ids, "done")
    for saga_id in saga_ids:
        await api.worker.wait(saga_id, 10)
        assert (await get(api, saga_id)).status == saga_pb2.STATUS_COMPENSATED
