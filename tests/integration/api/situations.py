"""Sagas as operators find them: under way, paused, in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from orchestrator.journal.entries import SagaSuspended
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb

if TYPE_CHECKING:
    import grpc.aio
    from google.protobuf.message import Message

    from tests.integration.api.conftest import Api

AUTHORIZE = "PaymentService.AuthorizePayment#1"


def retry_of(error: grpc.aio.AioRpcError) -> tuple[str, float]:
    """The reason, and after how many seconds to ask again."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError has all that is read
    assert status is not None, error
    assert all(any(packed.Unpack(detail) for packed in status.details) for detail in (info, retry)), status
    return info.reason, retry.retry_delay.ToTimedelta().total_seconds()


def reason_of(error: grpc.aio.AioRpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError has all that is read
    assert status is not None, error
    assert any(detail.Unpack(info) for detail in status.details), status
    reason: str = info.reason
    return reason


class Operator(TypedDict):
    """What every act of an operator says."""

    reason: str


WHY: Operator = {"reason": "because"}


def packed(message: Message) -> AnyMessage:
    box = AnyMessage()
    box.Pack(message)
    return box


async def start(api: Api, order: Message, wait: int = 0) -> saga_pb2.Saga:
    request = pb.StartSagaRequest(definition="place_order", input=packed(order), wait=Duration(seconds=wait))
    return (await api.sagas.StartSaga(request)).saga


async def get(api: Api, saga_id: str, *, journal: bool = False) -> saga_pb2.Saga:
    return (await api.sagas.GetSaga(pb.GetSagaRequest(saga_id=saga_id, include_journal=journal))).saga


async def held_at(api: Api, order: Message, method: str) -> str:
    """A saga whose call of this method is in flight."""
    api.mocks.hold(method)
    saga_id = (await start(api, order)).saga_id
    await api.called(method)
    return saga_id


async def paused_at(api: Api, order: Message, method: str) -> str:
    """A saga that an operator paused while this method was in backoff."""
    api.mocks.refused[method] = 0
    saga_id = await held_at(api, order, method)
    pause = api.sagas.PauseSaga(pb.PauseSagaRequest(saga_id=saga_id, **WHY))
    await api.until(lambda: api.worker.live[saga_id]._run.stop_control.stop)
    api.mocks.held.pop(method).set()
    assert (await pause).saga.status == saga_pb2.STATUS_SUSPENDED
    return saga_id


async def in_doubt(api: Api, order: Message, method: str) -> str:
    """A suspended saga one of whose commands was sent, and was never answered."""
    saga_id = await held_at(api, order, method)
    await api.worker.close(0)  # the process ends with the call in flight
    api.worker.live.clear()
    await api.journal.claim_unfinished("operator", 10)
    entries = await api.journal.read(saga_id)
    suspended = SagaSuspended(1, Reason(ReasonCode.UNKNOWN, "nobody knows", AUTHORIZE))
    await api.journal.append(Append(saga_id, "operator", 2, len(entries), [suspended], Status.SUSPENDED))
    return saga_id


async def ended(api: Api, saga_id: str) -> saga_pb2.Saga:
    saga = saga_pb2.Saga()
    async for answer in api.sagas.WatchSaga(pb.WatchSagaRequest(saga_id=saga_id)):
        saga = answer.saga
    return saga
