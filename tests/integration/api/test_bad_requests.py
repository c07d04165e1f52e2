"""Requests that no client of ours would send: bytes that are no message, and lists without end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2  # noqa: F401 - makes its service known to the pool
from grpc_status import rpc_status

from saga.v1 import saga_service_pb2 as pb
from saga.v1.bulk_pb2 import ACTION_CANCEL
from saga.v1.bulk_service_pb2 import PrepareBulkActRequest
from saga.v1.saga_pb2 import STATUS_RUNNING
from shop.order.v1 import order_service_pb2 as orders
from shop.type.v1.type_pb2 import Line
from tests.integration.api.situations import AUTHORIZE, in_doubt, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.message import Message

    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., orders.StartOrderRequest]

SERVICES = (
    "saga.v1.AccessService",
    "saga.v1.DefinitionService",
    "saga.v1.EventService",
    "saga.v1.FiguresService",
    "saga.v1.BulkActService",
    "saga.v1.SagaService",
    "saga.v1.ScheduleService",
    "shop.order.v1.OrderService",
    "grpc.health.v1.Health",
)
METHODS = [
    method
    for name in (*SERVICES, "grpc.reflection.v1alpha.ServerReflection")
    for method in descriptor_pool.Default().FindServiceByName(name).methods
]
ENDS_TOO_EARLY, NO_TAG = b"\x0a\xff", b"\xff\xff\xff\xff"


def no_messages() -> Iterator[Any]:
    """Each rpc with bytes that it cannot read."""
    for method in METHODS:
        texts = [field.number for field in method.input_type.fields if field.type == field.TYPE_STRING]
        no_text = [bytes([number << 3 | 2, 2, 0xFF, 0xFE]) for number in texts[:1]]
        for kind, request in zip(("cut off", "no tag", "no text"), (ENDS_TOO_EARLY, NO_TAG, *no_text), strict=False):
            yield pytest.param(method, request, id=f"{method.full_name}, {kind}")


async def answered(channel: grpc.aio.Channel, method: MethodDescriptor, request: bytes) -> grpc.aio.AioRpcError | None:
    """How the server refuses these bytes, if it does."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    call: Any
    both: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
    stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(path)
    unary: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    try:
        if method.client_streaming:
            call = both(iter([request]))
            await call.read()
            await call
        elif method.server_streaming:
            call = stream(request)
            await call.read()
        else:
            await unary(request)
    except grpc.aio.AioRpcError as error:
        return error
    if method.client_streaming or method.server_streaming:
        return grpc.aio.AioRpcError(await call.code(), grpc.aio.Metadata(), await call.trailing_metadata())
    return None


@pytest.mark.parametrize(("method", "request_"), list(no_messages()))
async def test_bytes_that_are_no_message_are_refused_on_every_rpc_in_plain_words(
    api: Api, method: MethodDescriptor, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        error = await answered(api.channel, method, request_)

    assert error is not None
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    (record,) = caplog.records
    assert f"/{method.containing_service.full_name}/{method.name}" in record.getMessage()
    assert record.exc_info is None
    told = f"{error.details()} {error.trailing_metadata()} {record.getMessage()}"
    assert not any(word in told for word in ("<class", "Error parsing", "DecodeError", "Traceback", "Exception"))


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("shop.order.v1.StartOrderRequest", ENDS_TOO_EARLY),
        ("shop.order.v1.StartOrderRequest", NO_TAG),
        ("shop.order.v1.StartOrderRequest", b"\x0a\x02\xff\xfe"),
        ("shop.order.v1.StartOrderRequest", b"\x0b" * 200),
        ("shop.order.v1.StartOrderRequest", b"\xfb\x01" * 300),
        ("shop.order.v1.Receipt", b""),
        ("nobody.v1.Nobody", b""),
        ("", b""),
    ],
    ids=["cut off", "no tag", "no text", "groups without an end", "unknown groups", "another", "unknown", "untyped"],
)
async def test_an_input_that_is_no_message_is_a_violation_of_its_field(api: Api, type_name: str, value: bytes) -> None:
    box = AnyMessage(type_url=f"type.googleapis.com/{type_name}", value=value)

    error = await refused(api.sagas.StartSaga, pb.StartSagaRequest(definition="place_order", input=box))

    assert fields(error) == ["input"]


@pytest.mark.parametrize("value", [ENDS_TOO_EARLY, NO_TAG, b"\x0a\x02\xff\xfe", b"\x0b" * 200], ids=repr)
async def test_a_reply_that_is_no_message_is_a_violation_of_its_field(
    api: Api, an_order: AnOrder, value: bytes
) -> None:
    saga_id = await in_doubt(api, an_order(), "AuthorizePayment")
    box = AnyMessage(type_url="type.googleapis.com/shop.payment.v1.AuthorizePaymentResponse", value=value)
    request = pb.ResolveOutcomeRequest(saga_id=saga_id, key=AUTHORIZE, took_effect=True, reply=box, evidence="seen")

    error = await refused(api.sagas.ResolveOutcome, request)

    assert fields(error) == ["reply"]


NO_INSTANTS = [
    Timestamp(seconds=10**18),
    Timestamp(seconds=-(2**63)),
    Timestamp(seconds=253402300799),
    Timestamp(seconds=-62135596800),
    Timestamp(nanos=-1),
    Timestamp(nanos=2**31 - 1),
    Timestamp(seconds=9223372036, nanos=999_999_999),
]


@pytest.mark.parametrize("instant", NO_INSTANTS, ids=lambda each: f"{each.seconds}.{each.nanos}")
async def test_an_instant_that_is_none_is_a_violation_of_its_field(api: Api, instant: Timestamp) -> None:
    sagas = await refused(api.sagas.ListSagas, pb.ListSagasRequest(filter=pb.SagaFilter(started_from=instant)))
    listed = await refused(api.orders.ListOrders, orders.ListOrdersRequest(placed_before=instant))

    assert fields(sagas) in (["filter.started_from"], ["started_from"])
    assert fields(listed) == ["placed_before"]
    (told,) = (violation.description for violation in violations(listed))
    assert told.startswith(("is no instant: ", "must be "))


async def test_health_lists_every_service(api: Api) -> None:
    stub: Any = api.channel.unary_unary(
        "/grpc.health.v1.Health/List",
        request_serializer=health_pb2.HealthListRequest.SerializeToString,  # type: ignore[attr-defined]
        response_deserializer=health_pb2.HealthListResponse.FromString,  # type: ignore[attr-defined]
    )

    answer = await stub(health_pb2.HealthListRequest())  # type: ignore[attr-defined]

    assert {name: each.status for name, each in answer.statuses.items()} == dict.fromkeys(
        ("", *SERVICES[:8]), health_pb2.HealthCheckResponse.SERVING
    )


async def refused(rpc: Any, request: Message) -> grpc.aio.AioRpcError:  # noqa: ANN401 - any rpc
    """The error with which the rpc refuses the request as invalid."""

    async def asked() -> None:
        call = rpc(request)
        await (call.read() if hasattr(call, "read") else call)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await asked()
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT, error.value
    return error.value


def violations(error: grpc.aio.AioRpcError) -> list[error_details_pb2.BadRequest.FieldViolation]:
    bad = error_details_pb2.BadRequest()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError has all that is read
    assert status is not None
    assert any(detail.Unpack(bad) for detail in status.details)
    return list(bad.field_violations)


def fields(error: grpc.aio.AioRpcError) -> list[str]:
    return [violation.field for violation in violations(error)]


FILTERS = {
    "filter.attributes": pb.SagaFilter(attributes={str(number): "" for number in range(20_000)}),
    "filter.statuses": pb.SagaFilter(statuses=[STATUS_RUNNING] * 20_000),
    "filter.definition": pb.SagaFilter(definition="d" * 1000),
    'filter.attributes["a"]': pb.SagaFilter(attributes={"a": "v" * 100_000}),
    "filter.started_from": pb.SagaFilter(started_from=Timestamp(seconds=10_000_000_000)),
    "filter.started_before": pb.SagaFilter(started_before=Timestamp(seconds=-10_000_000_000)),
}


@pytest.mark.parametrize("field", FILTERS)
async def test_a_filter_without_bounds_is_refused_wherever_there_is_one(api: Api, field: str) -> None:
    where = FILTERS[field]
    listed = await refused(api.sagas.ListSagas, pb.ListSagasRequest(filter=where))
    watched = await refused(api.sagas.WatchSagas, pb.WatchSagasRequest(filter=where))
    acted = await refused(api.bulk.PrepareBulkAct, PrepareBulkActRequest(filter=where, action=ACTION_CANCEL))

    assert fields(listed) == fields(watched) == fields(acted) == [field]


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("statuses", orders.ListOrdersRequest(statuses=[STATUS_RUNNING] * 20_000)),
        ("placed_from", orders.ListOrdersRequest(placed_from=Timestamp(seconds=10_000_000_000))),
        ("placed_before", orders.ListOrdersRequest(placed_before=Timestamp(seconds=1, nanos=-1))),
        ("customer_id", orders.ListOrdersRequest(customer_id="c" * 65)),
    ],
)
async def test_a_choice_of_orders_without_bounds_is_refused(api: Api, field: str, request_: Message) -> None:
    assert field in fields(await refused(api.orders.ListOrders, request_))[0]


async def test_an_address_for_mail_is_no_longer_than_one_can_be(api: Api, an_order: AnOrder) -> None:
    error = await refused(api.orders.StartOrder, an_order(email=f"{'a' * 100_000}@shop.example"))

    assert fields(error) == ["email"]


def unbounded(message: Any, seen: frozenset[str] = frozenset()) -> list[str]:  # noqa: ANN401 - a descriptor
    """The lists and maps of a request that its contract does not bound."""
    from buf.validate import validate_pb2  # noqa: PLC0415 - only here
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 - only here

    found = []
    for field in message.fields:
        options = descriptor_pb2.FieldOptions.FromString(field.GetOptions().SerializeToString())
        rules = options.Extensions[validate_pb2.field]
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        most = rules.map.HasField("max_pairs") if is_map else rules.repeated.HasField("max_items")
        if field.is_repeated and not most:
            found.append(field.full_name)
        if field.message_type and not is_map and field.message_type.full_name not in seen:
            found += unbounded(field.message_type, seen | {field.message_type.full_name})
    return found


def test_every_list_and_every_map_in_a_request_of_the_api_is_bounded() -> None:
    requests = {method.input_type for method in METHODS if method.containing_service.full_name in SERVICES[:7]}

    assert [name for request in requests for name in unbounded(request)] == []


async def test_as_many_violations_are_told_as_there_is_room_for_and_how_many_more_there_are(
    api: Api, an_order: AnOrder
) -> None:
    order = an_order()
    del order.lines[:]
    order.lines.extend(Line(sku=f"no sku, {number}", quantity=0) for number in range(100))

    error = await refused(api.orders.StartOrder, order)

    told = violations(error)
    (rest,) = (violation.description for violation in told if not violation.field)
    assert rest == f"and {200 - len(told) + 1} more"
    assert len(told) > 10
    size = sum(len(key) + len(value) for key, value in error.trailing_metadata()) + 3 * len(error.details() or "")
    assert size < 8000


@pytest.mark.parametrize("wrong", [Line(), Line(sku="MUG-BLUE", quantity=1)], ids=["empty lines", "good lines"])
async def test_a_list_far_beyond_its_bound_is_one_violation_and_its_items_are_not_judged(
    api: Api, an_order: AnOrder, wrong: Line
) -> None:
    order = an_order()
    order.lines.extend([wrong] * 100_000)

    for rpc, request in (
        (api.orders.StartOrder, order),
        (api.sagas.StartSaga, pb.StartSagaRequest(definition="place_order", input=packed(order))),
    ):
        (violation,) = violations(await refused(rpc, request))
        assert violation.field.endswith("lines")
        assert violation.description == "must contain no more than 100 items"


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (pb.StartSagaRequest(definition="n\x1bo"), r"the saga 'n\x1bo' is not served; there are: place_order v1"),
        (
            pb.StartSagaRequest(definition="place_order", version=7),
            "the saga 'place_order', version 7, is not served; there are: place_order v1",
        ),
    ],
)
async def test_a_saga_that_is_not_served_is_refused_with_those_that_are(
    api: Api, an_order: AnOrder, request_: pb.StartSagaRequest, told: str
) -> None:
    request_.input.CopyFrom(packed(an_order()))

    (violation,) = violations(await refused(api.sagas.StartSaga, request_))

    assert (violation.field, violation.description) == ("definition", told)


async def test_a_name_as_long_as_a_book_still_gets_an_answer(api: Api) -> None:
    where = pb.SagaFilter(attributes={"ключ" * 20_000: "value"})

    told = violations(await refused(api.sagas.ListSagas, pb.ListSagasRequest(filter=where)))

    assert all(len(violation.field.encode()) < 250 for violation in told)


async def test_health_of_a_service_with_a_name_as_long_as_a_book_is_not_found(api: Api) -> None:
    check: Any = api.channel.unary_unary("/grpc.health.v1.Health/Check")

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await check(health_pb2.HealthCheckRequest(service="名" * 100_000).SerializeToString())

    assert error.value.code() is grpc.StatusCode.NOT_FOUND
