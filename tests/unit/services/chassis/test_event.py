from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.json_format import MessageToJson

from services.chassis.event import Event, UnreadableEventError, message_of
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt

PLACED = OrderPlaced(order_id="order-1", customer_id="ada")
EVENT = Event(
    id="ab" * 16,
    source="shop.order.v1.OrderService",
    type="shop.order.v1.OrderPlaced",
    subject="order-1",
    at=datetime(2026, 11, 26, 9, 30, 1, 250, tzinfo=UTC),
    data=PLACED.SerializeToString(),
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


def test_an_event_comes_back_from_its_headers_and_its_body() -> None:
    assert Event.read(EVENT.headers(), EVENT.data) == EVENT


def test_the_attributes_are_headers_of_cloudevents_in_binary_mode() -> None:
    headers = EVENT.headers()
    assert headers["ce-specversion"] == "1.0"
    assert (headers["ce-id"], headers["ce-source"]) == (EVENT.id, EVENT.source)
    assert (headers["ce-type"], headers["ce-subject"]) == (EVENT.type, "order-1")
    assert headers["content-type"] == "application/protobuf"
    assert headers["ce-traceparent"] == EVENT.traceparent


def test_a_subject_of_any_letters_travels_in_headers_of_ascii() -> None:
    named = Event("1", "a", "b", "Zürich % 東京", EVENT.at, b"")
    assert all(value.isascii() for value in named.headers().values())
    assert Event.read(named.headers(), b"").subject == "Zürich % 東京"


def test_the_type_of_the_data_is_read_from_either_header() -> None:
    headers = {name: value for name, value in EVENT.headers().items() if name != "content-type"}
    headers["ce-datacontenttype"] = "application/json"
    assert Event.read(headers, b"{}").content_type == "application/json"


def test_a_provisional_event_says_so() -> None:
    headers = EVENT.headers() | {"ce-provisional": "true"}
    told = Event.read(headers, EVENT.data)
    assert told.provisional
    assert Event.read(told.headers(), told.data) == told


@pytest.mark.parametrize("missing", ["ce-id", "ce-source", "ce-type", "ce-specversion", "ce-time"])
def test_what_lacks_an_attribute_is_no_event(missing: str) -> None:
    headers = {name: value for name, value in EVENT.headers().items() if name != missing}
    with pytest.raises(UnreadableEventError):
        Event.read(headers, EVENT.data)


@pytest.mark.parametrize("unfit", ["a%00b", "x" * 501, "\udcff"])
def test_an_id_that_no_database_holds_is_none(unfit: str) -> None:
    with pytest.raises(UnreadableEventError, match="its id"):
        Event.read(EVENT.headers() | {"ce-id": unfit}, EVENT.data)


def test_an_id_of_others_may_be_long_and_of_any_letters() -> None:
    assert Event.read(EVENT.headers() | {"ce-id": "%E6%9D%B1" * 500}, EVENT.data).id == "東" * 500


def test_an_instant_of_another_time_zone_is_the_same_instant() -> None:
    there = EVENT.at.astimezone(timezone(timedelta(hours=2)))
    assert Event.read(EVENT.headers() | {"ce-time": there.isoformat()}, b"").at == EVENT.at


def test_the_data_are_read_as_the_message_of_their_type() -> None:
    assert message_of(EVENT, [Receipt, OrderPlaced]) == PLACED


def test_data_in_json_are_read_too() -> None:
    event = Event.read(EVENT.headers() | {"content-type": "application/json"}, MessageToJson(PLACED).encode())
    assert message_of(event, [OrderPlaced]) == PLACED


@pytest.mark.parametrize("content_type", ["application/protobuf", "application/json"])
def test_data_of_another_shape_cannot_be_read(content_type: str) -> None:
    event = Event.read(EVENT.headers() | {"content-type": content_type}, b"\xff\xff\xff")
    with pytest.raises(UnreadableEventError):
        message_of(event, [OrderPlaced])


def test_an_event_of_a_type_that_nobody_here_knows_cannot_be_read() -> None:
    with pytest.raises(UnreadableEventError, match=r"shop\.order\.v1\.OrderPlaced"):
        message_of(EVENT, [Receipt])
