"""The API while an earlier process's sagas are being recovered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from saga.v1.bulk_pb2 import ACTION_PAUSE, BULK_ACT_STATUS_CHECKING
from saga.v1.bulk_service_pb2 import PrepareBulkActRequest
from shop.order.v1.order_service_pb2 import CancelOrderRequest, StartOrderRequest
from tests.integration.api.situations import WHY, ended, get, retry_of, start
from tests.support.bulk_calls import counted, followed

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from orchestrator.ports.claims import Claim, Served
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]

OLD = "old"


@pytest.fixture
async def recovery(api: Api, an_order: AnOrder) -> asyncio.Event:
    """The API's replica recovers a saga, once the event is set."""
    model = (await start(api, an_order(), wait=10)).saga_id
    record, entries = await api.journal.find(model), (await api.journal.read(model))[:3]
    assert record is not None
    new = NewSaga(record.definition, record.version, record.digest, record.started_at, record.attributes)
    await api.journal.append(Append(OLD, "a dead process", 1, 0, entries, Status.RUNNING, new=new))
    claim, let_go = api.journal.claim_unfinished, asyncio.Event()

    async def held(owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        await let_go.wait()
        return await claim(owner, limit, served)

    api.journal.claim_unfinished = held  # type: ignore[method-assign]  # it waits for the test
    await api.worker.begin()
    return let_go


@pytest.mark.usefixtures("recovery")
async def test_sagas_are_shown_and_listed_and_new_ones_are_taken(api: Api, an_order: AnOrder) -> None:
    assert (await get(api, OLD)).status == saga_pb2.STATUS_RUNNING
    assert OLD in {saga.saga_id for saga in (await api.sagas.ListSagas(pb.ListSagasRequest())).sagas}
    assert (await start(api, an_order(), wait=10)).status == saga_pb2.STATUS_COMPLETED


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("CancelSaga", pb.CancelSagaRequest(saga_id=OLD, **WHY)),
        ("PauseSaga", pb.PauseSagaRequest(saga_id=OLD, **WHY)),
        ("ResumeSaga", pb.ResumeSagaRequest(saga_id=OLD, **WHY)),
        ("RetryNow", pb.RetryNowRequest(saga_id=OLD, **WHY)),
        ("ResolveOutcome", pb.ResolveOutcomeRequest(saga_id=OLD, key="k", evidence="e")),
        ("SkipCompensation", pb.SkipCompensationRequest(saga_id=OLD, key="k", evidence="e")),
        ("CancelOrder", CancelOrderRequest(order_id=OLD, reason="enough")),
    ],
)
@pytest.mark.usefixtures("recovery")
async def test_an_act_on_a_saga_that_waits_for_recovery_is_told_to_come_again(
    api: Api, rpc: str, request_: Message
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(api.orders if rpc == "CancelOrder" else api.sagas, rpc)(request_)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_of(refused.value) == ("RECOVERING", 1.0)
    assert "0 of 1 unfinished sagas" in (refused.value.details() or "")


async def test_a_bulk_act_waits_for_the_sagas_that_are_to_be_recovered(api: Api, recovery: asyncio.Event) -> None:
    where = pb.SagaFilter(statuses=[saga_pb2.STATUS_RUNNING])
    act = (await api.bulk.PrepareBulkAct(PrepareBulkActRequest(filter=where, action=ACTION_PAUSE))).bulk_act
    assert (act.status, counted(act)) == (BULK_ACT_STATUS_CHECKING, {"unchecked": 1})

    recovery.set()
    assert counted(await followed(api.bulk, act.bulk_act_id)) == {"allowed": 1}


async def test_the_act_is_done_once_the_saga_is_recovered(api: Api, recovery: asyncio.Event) -> None:
    api.mocks.hold("AssessOrder")
    statistics = (await api.sagas.GetStatistics(pb.GetStatisticsRequest())).recovery
    assert (statistics.under_way, statistics.recovered, statistics.expected) == (True, 0, 1)
    recovery.set()
    await api.until(lambda: not api.worker.recovery.under_way)
    cancel = asyncio.ensure_future(api.sagas.CancelSaga(pb.CancelSagaRequest(saga_id=OLD, **WHY)))
    await api.until(lambda: OLD not in api.worker.live or api.worker.live[OLD]._run.stop_control.stop)
    for held in api.mocks.held.values():
        held.set()

    assert (await cancel).saga.reason.code == "CANCELLED"
    assert (await ended(api, OLD)).status == saga_pb2.STATUS_COMPENSATED
    assert not (await api.sagas.GetStatistics(pb.GetStatisticsRequest())).recovery.under_way
