"""What a request to start a saga becomes."""

from __future__ import annotations

import uuid

import pytest

from orchestrator.definition.saga import saga
from orchestrator.engine.definitions import ServedSaga
from orchestrator.engine.starting import _time_ordered_id, start_request
from orchestrator.shop.place_order import Shop, place_order
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Address, Line

ORDER = StartOrderRequest(
    customer_id="ada",
    email="ada@example.com",
    lines=[Line(sku="MUG-BLUE", quantity=2)],
    ship_to=Address(name="Ada", street="St James 12", city="Berlin", postal_code="10115", country="DE"),
    card_token="tok_ok",
)


@saga("place_order_later", version=1)
async def place_order_later(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as place_order
    return Receipt()


def started(request_id: str, definition: object = place_order) -> tuple[str, bytes]:
    """The id and the digest of a start."""
    served = ServedSaga(definition, None, None)  # type: ignore[arg-type]  # only its definition is looked at
    request = start_request(served, ORDER, request_id, "")
    return request.saga_id, request.digest


def test_a_request_id_in_capitals_is_the_same() -> None:
    request_id = "6f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11"

    assert started(request_id.upper()) == started(request_id)
    assert started(request_id.replace("f", "F")) == started(request_id)


def test_request_ids_that_are_no_uuids_are_taken_as_they_are() -> None:
    assert started("Monday")[0] != started("monday")[0]


@pytest.mark.parametrize("request_id", ["6f1a4a52-54a2-4a43-a2c4-3a4a9d2b8c11", ""])
def test_the_same_input_for_another_definition_is_another_content(request_id: str) -> None:
    (first, digest), (second, other) = started(request_id), started(request_id, place_order_later)

    assert digest != other
    assert first != second


def test_ids_of_sagas_without_a_request_id_are_uuids_in_the_order_of_time() -> None:
    ids = [_time_ordered_id() for _ in range(2000)]

    assert len(set(ids)) == len(ids)
    assert {uuid.UUID(each).version for each in ids} == {7}
    assert {uuid.UUID(each).variant for each in ids} == {uuid.RFC_4122}
    milliseconds = [uuid.UUID(each).int >> 80 for each in ids]
    assert milliseconds == sorted(milliseconds)
