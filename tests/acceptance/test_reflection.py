"""A client that knows nothing but an address."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.message import Message
from google.rpc import error_details_pb2

from tests.acceptance.conftest import buf_curl, order

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

M = TypeVar("M", bound=Message)
START = "shop.order.v1.OrderService/StartOrder"


def detail(error: dict[str, Any], kind: type[M]) -> M:
    """The detail of a kind in an answer's google.rpc.Status; buf shows it in base64, without padding."""
    [value] = [each["value"] for each in error["details"] if each["type"] == kind.DESCRIPTOR.full_name]
    return kind.FromString(base64.b64decode(value + "=" * (-len(value) % 4)))


def test_the_services_of_every_process_can_be_listed(shop: Shop) -> None:
    for name, address in shop.addresses.services.items():
        listed = buf_curl("--list-services", f"http://{address}").out.split()
        assert f"shop.{name}.v1.{name.title()}Service" in listed
    listed = buf_curl("--list-services", f"http://{shop.addresses.orchestrator}").out.split()
    assert {"saga.v1.SagaService", "shop.order.v1.OrderService", "grpc.health.v1.Health"} <= set(listed)


def test_the_methods_can_be_listed(shop: Shop) -> None:
    listed = buf_curl("--list-methods", f"http://{shop.addresses.orchestrator}").out.split()
    assert {START, "shop.order.v1.OrderService/WatchOrder", "saga.v1.SagaService/CancelSaga"} <= set(listed)


def test_an_order_can_be_placed(shop: Shop) -> None:
    placed = json.loads(shop.call(START, order(member=True)).out)["order"]
    assert placed["status"] == "STATUS_COMPLETED"
    assert {step["state"] for step in placed["steps"]} == {"STEP_STATE_COMPLETED"}
    assert placed["receipt"]["total"]["currencyCode"] == "EUR"


def test_an_order_can_be_watched_to_its_end(shop: Shop) -> None:
    placed = json.loads(shop.call(START, order(wait="0s", cardToken="tok_fails_once")).out)["order"]
    watched = shop.call("shop.order.v1.OrderService/WatchOrder", {"orderId": placed["orderId"]}).out
    decoder, views = json.JSONDecoder(), []
    while watched := watched.lstrip():
        view, end = decoder.raw_decode(watched)
        views.append(view["order"]["status"])
        watched = watched[end:]
    assert views[-1] == "STATUS_COMPLETED"


def test_bad_input_is_answered_with_every_field_at_fault(shop: Shop) -> None:
    bad = order(email="nobody", lines=[{"sku": "MUG-BLUE", "quantity": 0}])
    done = shop.call(START, bad)
    error = json.loads(done.err)
    assert done.code != 0
    assert error["code"] == "invalid_argument"
    fields = {each.field for each in detail(error, error_details_pb2.BadRequest).field_violations}
    assert fields == {"email", "lines[0].quantity"}


def test_an_unknown_order_is_answered_with_a_reason(shop: Shop) -> None:
    error = json.loads(shop.call("shop.order.v1.OrderService/GetOrder", {"orderId": "nobody"}).err)
    assert error["code"] == "not_found"
    assert detail(error, error_details_pb2.ErrorInfo).reason == "SAGA_NOT_FOUND"
