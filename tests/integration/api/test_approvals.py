"""An expensive order waits for somebody's decision, which is given through each of the doors."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.wrappers_pb2 import StringValue

from orchestrator.access.fingerprints import fingerprint
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.channels.grpc.bearer import with_token
from orchestrator.journal.entries import SignalReceived
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.journal.state import Status
from orchestrator.shop.place_order import APPROVAL_LIMIT, place_order_2
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.mock import ContractParticipant
from orchestrator.testing.world.participants import sample
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from shop.order.v1.order_service_pb2 import ApproveOrderRequest, GetOrderRequest, RejectOrderRequest
from shop.pricing.v1.pricing_pb2 import PriceOrderResponse
from tests.integration.api.conftest import Api, Mocks, an_order, serving
from tests.support.asynchronous import status_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from google.protobuf.message import Message

    from tests.integration.api.conftest import Answer

REQUEST = "0198c0de-0000-7000-8000-00000000beef"
ROLES = {"approver": "approver", "operator": "operator", "carl": "approver"}
SUBJECTS = "\n".join(
    f"{name}: {{sha256: {fingerprint(f'saga_{name}')}, roles: [{role}]}}" for name, role in ROLES.items()
)


@pytest.fixture
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """An API; the parameter, if there is one, is what two people must ask for."""
    mocks = Mocks()
    expensive = PriceOrderResponse()
    expensive.MergeFromString(sample(PriceOrderResponse).SerializeToString())
    expensive.total.units = APPROVAL_LIMIT
    services = [each.service for each in place_order_2.participants]
    mocks.core = ContractParticipant(services, replies={"shop.pricing.v1.PricingService.PriceOrder": expensive})
    journal = MemoryJournal(SystemClock().now)
    four_eyes = FourEyes(getattr(request, "param", ()))
    async with serving(journal, mocks, "test", others=[place_order_2], subjects=SUBJECTS, four_eyes=four_eyes) as api:
        yield api


@pytest.fixture
async def order_id(api: Api) -> str:
    """An order that waits for an approval, and is parked."""
    order_id = (await api.orders.StartOrder(an_order())).order.order_id
    await api.until(lambda: api.journal._sagas[order_id].record.status is Status.WAITING)
    await api.until(lambda: order_id not in api.worker.live)
    return order_id


async def ended(api: Api, order_id: str) -> saga_pb2.Saga:
    *_, last = [answer async for answer in api.sagas.WatchSaga(pb.WatchSagaRequest(saga_id=order_id))]
    return last.saga


def packed(message: Message) -> AnyMessage:
    box = AnyMessage()
    box.Pack(message)
    return box


async def test_an_order_shows_that_it_waits_for_an_approval_since_when_and_until(api: Api, order_id: str) -> None:
    order = (await api.orders.GetOrder(GetOrderRequest(order_id=order_id))).order
    listed, others = [
        (await api.sagas.ListSagas(pb.ListSagasRequest(filter=pb.SagaFilter(waiting_for=[reason])))).sagas
        for reason in (saga_pb2.WAIT_REASON_SIGNAL, saga_pb2.WAIT_REASON_TIMER)
    ]

    assert order.status == saga_pb2.STATUS_WAITING
    (waiting,) = order.waiting
    assert (waiting.reason, waiting.signal) == (saga_pb2.WAIT_REASON_SIGNAL, "approval")
    assert waiting.message_type == "saga.v1.Decision"
    span = waiting.until.ToDatetime() - waiting.since.ToDatetime()
    assert abs(span - timedelta(hours=24)) < timedelta(seconds=5)
    assert [(saga.saga_id, saga.waiting[0].signal) for saga in listed] == [(order_id, "approval")]
    assert not others


async def test_an_approved_order_goes_on_and_repeating_the_approval_changes_nothing(api: Api, order_id: str) -> None:
    request = ApproveOrderRequest(order_id=order_id, request_id=REQUEST)
    first = await api.orders.ApproveOrder(request)
    saga = await ended(api, order_id)
    again = await api.orders.ApproveOrder(request)

    assert (first.in_time, again.in_time) == (True, True)
    assert saga.status == saga_pb2.STATUS_COMPLETED


async def test_a_rejected_order_is_rolled_back_and_an_approval_comes_too_late_then(api: Api, order_id: str) -> None:
    rejected = await api.orders.RejectOrder(RejectOrderRequest(order_id=order_id, reason="too expensive"))
    saga = await ended(api, order_id)
    late = await api.orders.ApproveOrder(ApproveOrderRequest(order_id=order_id))

    assert (rejected.in_time, late.in_time) == (True, False)
    assert saga.status == saga_pb2.STATUS_COMPENSATED
    assert "NOT_APPROVED: ada said no: too expensive" in saga.reason.message


async def test_a_signal_is_given_to_any_saga_and_is_in_its_journal(api: Api, order_id: str) -> None:
    decision = packed(saga_pb2.Decision(approved=True, decided_by="somebody else"))
    request = pb.SignalSagaRequest(saga_id=order_id, name="approval", message=decision)
    await api.sagas.SignalSaga(request)
    await ended(api, order_id)
    journal = (await api.sagas.GetSaga(pb.GetSagaRequest(saga_id=order_id, include_journal=True))).saga.journal

    (received,) = [entry for entry in journal if entry.kind == "SignalReceived"]
    assert (received.signal, received.reason.requested_by) == ("approval", "ada")
    given = saga_pb2.Decision()
    assert received.payload.Unpack(given)
    assert given.decided_by == "ada", "a decision is in the name of its caller, whatever it says"
    (end,) = [entry for entry in journal if entry.kind == "WaitEnded"]
    assert (end.key, end.how, end.request_id) == ("signal:approval#1", "SIGNAL", received.request_id)


@asynccontextmanager
async def called_by(api: Api, role: str) -> AsyncIterator[SagaServiceStub]:
    """The API as a subject has it who has this role alone."""
    async with grpc.aio.insecure_channel(api.address, interceptors=with_token(f"saga_{role}")) as channel:
        yield SagaServiceStub(channel)


async def test_an_approver_decides_on_a_saga_and_an_operator_does_not(
    api: Api, order_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    decide = pb.DecideSagaRequest(saga_id=order_id, approved=True, request_id=REQUEST)
    as_signal = pb.SignalSagaRequest(
        saga_id=order_id, name="approval", message=packed(saga_pb2.Decision(approved=True))
    )
    async with called_by(api, "approver") as approver, called_by(api, "operator") as operator:
        for call, needed in (
            (operator.DecideSaga(decide), "DecideSaga needs approver"),
            (operator.SignalSaga(as_signal), "SignalSaga with a Decision needs approver"),
            (approver.SignalSaga(as_signal), "SignalSaga needs operator"),
        ):
            with pytest.raises(grpc.aio.AioRpcError, match=needed) as refused:
                await call
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        await approver.DecideSaga(decide)
        saga = await ended(api, order_id)
        await approver.DecideSaga(decide)
    received = [entry for entry in await api.journal.read(order_id) if isinstance(entry, SignalReceived)]

    assert saga.status == saga_pb2.STATUS_COMPLETED
    assert [entry.requested_by[:2] for entry in received] == [("approver", "token file")]
    assert (
        "/saga.v1.SagaService/SignalSaga is refused to 'operator' (token file): "
        "you are operator; SignalSaga with a Decision needs approver"
    ) in [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("api", [("approve:approval",)], indirect=True)
async def test_a_large_order_needs_the_yes_of_two_people_through_whichever_door(
    api: Api, order_id: str, orchestrator: Callable[..., Awaitable[Answer]]
) -> None:
    yes = pb.DecideSagaRequest(saga_id=order_id, approved=True, reason="the customer is known")
    async with called_by(api, "approver") as approver, called_by(api, "carl") as carl:
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError, match="as soon as another person asks") as refused:
                await approver.DecideSaga(yes)
            assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert "SECOND_PERSON_NEEDED" in str(status_of(refused.value))
        waiting = (await api.sagas.GetSaga(pb.GetSagaRequest(saga_id=order_id))).saga
        shown = await orchestrator("journal", order_id)
        await carl.DecideSaga(yes)
    saga = await ended(api, order_id)

    assert waiting.status == saga_pb2.STATUS_WAITING
    assert "ActProposed" in shown.out
    assert "signal:approval#1, by approver (token file): DECIDED: the customer is known" in " ".join(shown.out.split())
    assert saga.status == saga_pb2.STATUS_COMPLETED


@pytest.mark.parametrize("api", [("approve",)], indirect=True)
async def test_the_applications_own_door_needs_the_yes_of_two_people_too(api: Api, order_id: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="as soon as another person asks") as refused:
        await api.orders.ApproveOrder(ApproveOrderRequest(order_id=order_id))
    async with called_by(api, "carl") as carl:
        await carl.DecideSaga(pb.DecideSagaRequest(saga_id=order_id, approved=True))

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (await ended(api, order_id)).status == saga_pb2.STATUS_COMPLETED


@pytest.mark.parametrize(
    ("name", "message", "code", "reason"),
    [
        ("vote", StringValue(value="yes"), grpc.StatusCode.FAILED_PRECONDITION, "UNKNOWN_SIGNAL"),
        ("approval", StringValue(value="yes"), grpc.StatusCode.INVALID_ARGUMENT, "WRONG_SIGNAL_TYPE"),
        ("approval", saga_pb2.Decision(reason="x" * 1001), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT"),
    ],
)
async def test_a_signal_that_the_saga_cannot_take_is_refused_and_not_journalled(
    api: Api, order_id: str, name: str, message: Message, code: grpc.StatusCode, reason: str
) -> None:
    before = len(api.journal._sagas[order_id].entries)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.sagas.SignalSaga(pb.SignalSagaRequest(saga_id=order_id, name=name, message=packed(message)))

    assert refused.value.code() is code
    assert reason in str(status_of(refused.value))
    assert len(api.journal._sagas[order_id].entries) == before


async def test_a_request_id_is_not_used_for_another_signal(api: Api, order_id: str) -> None:
    await api.orders.ApproveOrder(ApproveOrderRequest(order_id=order_id, request_id=REQUEST))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.orders.RejectOrder(RejectOrderRequest(order_id=order_id, request_id=REQUEST, reason="no"))

    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


@pytest.mark.parametrize(
    "command",
    [
        ("approve", "{id}"),
        ("signal", "{id}", "approval", "--input", '{{"approved": true}}'),
    ],
    ids=["approve", "signal"],
)
async def test_a_decision_is_given_on_the_command_line(
    api: Api, order_id: str, orchestrator: Callable[..., Awaitable[Answer]], command: tuple[str, ...]
) -> None:
    shown = await orchestrator("show", order_id)
    listed = await orchestrator("list", "--waiting-for", "signal")
    answer = await orchestrator(*(part.format(id=order_id) for part in command))
    saga = await ended(api, order_id)

    assert "waits for the signal 'approval' since" in shown.out
    assert order_id in listed.out
    assert answer.code == 0, answer.err
    assert saga.status == saga_pb2.STATUS_COMPLETED


async def test_a_caller_who_waits_for_the_end_of_an_order_is_not_told_of_its_parking_as_of_an_end(api: Api) -> None:
    call = api.orders.StartOrder(an_order(wait=4))
    order = (await call).order

    assert order.status == saga_pb2.STATUS_WAITING
    assert order.waiting[0].HasField("until")
