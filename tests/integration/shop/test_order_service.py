"""The shop's front door, through a real channel."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2

from saga.v1 import saga_pb2
from shop.order.v1.order_service_pb2 import (
    CancelOrderRequest,
    GetOrderDetailsRequest,
    GetOrderRequest,
    ListOrdersRequest,
    StartOrderRequest,
    WatchOrderRequest,
)
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from grpc.aio import AioRpcError

    from shop.order.v1.order_pb2 import Order
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]

FLOW = [
    "CreateOrder",
    "AssessOrder",
    "ReserveStock",
    "PriceOrder",
    "AuthorizePayment",
    "ArrangeShipment",
    "CapturePayment",
    "SendConfirmation",
    "FulfilOrder",
    "CreditPoints",
    "RecordOrder",
]


def states(order: Order) -> dict[str, str]:
    return {
        step.method.rpartition(".")[2]: saga_pb2.StepState.Name(step.state).removeprefix("STEP_STATE_")
        for step in order.steps
    }


def details(error: AioRpcError, kind: type) -> Any:  # noqa: ANN401 - a message of that kind
    status = status_of(error)
    found = kind()
    assert any(packed.Unpack(found) for packed in status.details), status
    return found


async def test_an_order_goes_through_and_shows_every_step(api: Api, an_order: AnOrder) -> None:
    order = (await api.orders.StartOrder(an_order(wait=10))).order

    assert order.status == saga_pb2.STATUS_COMPLETED
    assert states(order) == dict.fromkeys(FLOW, "COMPLETED")
    assert order.receipt.order_id == order.order_id
    assert order.steps[9].conditional
    assert order.steps[10].best_effort


async def test_where_is_my_order_tells_what_is_done_in_progress_and_not_yet_begun(api: Api, an_order: AnOrder) -> None:
    api.mocks.hold("PriceOrder")
    order_id = (await api.orders.StartOrder(an_order())).order.order_id
    await api.called("PriceOrder")

    order = (await api.orders.GetOrder(GetOrderRequest(order_id=order_id))).order

    assert order.status == saga_pb2.STATUS_RUNNING
    assert list(states(order).values()) == ["COMPLETED"] * 3 + ["IN_PROGRESS"] + ["NOT_BEGUN"] * 7
    assert not order.HasField("ended_at")


async def test_a_refused_shipment_shows_what_was_compensated_and_in_which_order(api: Api, an_order: AnOrder) -> None:
    api.mocks.refused["ArrangeShipment"] = 1

    order = (await api.orders.StartOrder(an_order(wait=10))).order

    assert order.status == saga_pb2.STATUS_COMPENSATED
    assert (order.reason.code, order.reason.step_key) == ("REJECTED", "ShippingService.ArrangeShipment#1")
    assert states(order) == {
        "CreateOrder": "COMPENSATED",
        "AssessOrder": "COMPLETED",
        "ReserveStock": "COMPENSATED",
        "PriceOrder": "COMPLETED",
        "AuthorizePayment": "COMPENSATED",
        "ArrangeShipment": "REJECTED",
        **dict.fromkeys(FLOW[6:], "SKIPPED"),
    }
    positions = {step.key: step.compensation.position for step in order.steps if step.HasField("compensation")}
    assert sorted(positions, key=lambda key: positions[key]) == [
        "PaymentService.AuthorizePayment#1",
        "InventoryService.ReserveStock#1",
        "ProductService.CreateOrder#1",
    ]
    assert api.mocks.core.ledger.balance() == {}


async def test_bad_input_is_answered_with_every_violation_and_nothing_is_journalled(
    api: Api, an_order: AnOrder
) -> None:
    order = an_order(email="nowhere", card_token="")
    order.lines[0].quantity = 0
    order.lines.append(Line(sku="MUG-BLUE", quantity=1))

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.orders.StartOrder(order)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = details(refused.value, error_details_pb2.BadRequest)
    assert {violation.field for violation in bad.field_violations} == {
        "email",
        "card_token",
        "lines",
        "lines[0].quantity",
    }
    assert (await api.orders.ListOrders(ListOrdersRequest())).orders == []
    assert api.mocks.called == []


async def test_a_repeated_request_id_finds_the_same_order(api: Api, an_order: AnOrder) -> None:
    request_id = str(uuid.uuid4())

    first = (await api.orders.StartOrder(an_order(request_id=request_id))).order
    again = (await api.orders.StartOrder(an_order(request_id=request_id, wait=10))).order
    afterwards = (await api.orders.StartOrder(an_order(request_id=request_id))).order

    assert first.order_id == again.order_id == afterwards.order_id
    assert afterwards.status == saga_pb2.STATUS_COMPLETED
    assert api.mocks.called.count("CapturePayment") == 1


async def test_a_repeated_request_id_with_another_content_is_refused(api: Api, an_order: AnOrder) -> None:
    request_id = str(uuid.uuid4())
    for wait in (0, 10):
        await api.orders.StartOrder(an_order(request_id=request_id, wait=wait))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await api.orders.StartOrder(an_order(request_id=request_id, card_token="tok_other"))

        assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert details(refused.value, error_details_pb2.ErrorInfo).reason == "REQUEST_ID_REUSED"


async def test_without_a_request_id_each_request_places_an_order(api: Api, an_order: AnOrder) -> None:
    ids = {(await api.orders.StartOrder(an_order())).order.order_id for _ in range(3)}

    assert len(ids) == 3


async def test_orders_are_listed_by_customer_and_status_page_by_page_the_newest_first(
    api: Api, an_order: AnOrder
) -> None:
    placed = [
        (await api.orders.StartOrder(an_order(customer_id=customer, wait=10))).order.order_id
        for customer in ("ada", "bob", "ada", "ada")
    ]
    api.mocks.refused["AuthorizePayment"] = 1
    declined = (await api.orders.StartOrder(an_order(wait=10))).order.order_id

    request = ListOrdersRequest(customer_id="ada", statuses=[saga_pb2.STATUS_COMPLETED], page_size=2)
    first = await api.orders.ListOrders(request)
    request.page_token = first.next_page_token
    second = await api.orders.ListOrders(request)

    assert [order.order_id for order in first.orders] == [placed[3], placed[2]]
    assert [order.order_id for order in second.orders] == [placed[0]]
    assert second.next_page_token == ""
    rolled_back = await api.orders.ListOrders(ListOrdersRequest(statuses=[saga_pb2.STATUS_COMPENSATED]))
    assert [order.order_id for order in rolled_back.orders] == [declined]
    assert all(order.HasField("ended_at") for order in (*first.orders, *rolled_back.orders))


async def test_an_order_that_goes_on_is_listed_without_an_end(api: Api, an_order: AnOrder) -> None:
    held = api.mocks.hold("AuthorizePayment")
    order_id = (await api.orders.StartOrder(an_order())).order.order_id
    await api.called("AuthorizePayment")

    (order,) = (await api.orders.ListOrders(ListOrdersRequest())).orders
    assert (order.order_id, order.HasField("ended_at")) == (order_id, False)
    held.set()


async def test_a_cancel_while_a_call_is_in_flight_undoes_what_was_done(api: Api, an_order: AnOrder) -> None:
    held = api.mocks.hold("AuthorizePayment")
    order_id = (await api.orders.StartOrder(an_order())).order.order_id
    await api.called("AuthorizePayment")
    cancel = api.orders.CancelOrder(CancelOrderRequest(order_id=order_id, reason="changed my mind"))
    await api.until(lambda: api.worker.live[order_id]._run.stop_control.stop)
    held.set()

    order = (await cancel).order
    again = (await api.orders.CancelOrder(CancelOrderRequest(order_id=order_id, reason="really"))).order

    assert order.status in (saga_pb2.STATUS_COMPENSATING, saga_pb2.STATUS_COMPENSATED)
    assert (again.reason.code, again.reason.message) == ("CANCELLED", "changed my mind")
    async for answer in api.orders.WatchOrder(WatchOrderRequest(order_id=order_id)):
        order = answer.order
    assert order.status == saga_pb2.STATUS_COMPENSATED
    assert api.mocks.core.ledger.balance() == {}


async def test_a_cancel_after_the_pivot_is_refused_with_a_reason(api: Api, an_order: AnOrder) -> None:
    api.mocks.hold("SendConfirmation")
    order_id = (await api.orders.StartOrder(an_order())).order.order_id
    await api.called("SendConfirmation")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.orders.CancelOrder(CancelOrderRequest(order_id=order_id, reason="too late"))

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert details(refused.value, error_details_pb2.ErrorInfo).reason == "PAST_PIVOT"


async def test_a_watcher_sees_the_order_grow_to_its_end(api: Api, an_order: AnOrder) -> None:
    held = api.mocks.hold("CreateOrder")
    order_id = (await api.orders.StartOrder(an_order())).order.order_id
    seen = []
    async for answer in api.orders.WatchOrder(WatchOrderRequest(order_id=order_id)):
        seen.append(sum(state == "COMPLETED" for state in states(answer.order).values()))
        held.set()

    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, len(FLOW))


async def test_details_name_the_services_that_cannot_be_reached_instead_of_failing(api: Api, an_order: AnOrder) -> None:
    order_id = (await api.orders.StartOrder(an_order(wait=10))).order.order_id

    answer = await api.orders.GetOrderDetails(GetOrderDetailsRequest(order_id=order_id))

    assert answer.order.status == saga_pb2.STATUS_COMPLETED
    assert sorted(part.service for part in answer.missing) == [
        "shop.payment.v1.PaymentService",
        "shop.product.v1.ProductService",
        "shop.rewards.v1.RewardsService",
        "shop.shipping.v1.ShippingService",
    ]


@pytest.mark.parametrize("rpc", ["GetOrder", "CancelOrder", "GetOrderDetails"])
async def test_an_unknown_order_is_not_found(api: Api, rpc: str) -> None:
    request = {
        "GetOrder": GetOrderRequest(order_id="nobody"),
        "CancelOrder": CancelOrderRequest(order_id="nobody", reason="why not"),
        "GetOrderDetails": GetOrderDetailsRequest(order_id="nobody"),
    }[rpc]

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(api.orders, rpc)(request)

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert details(refused.value, error_details_pb2.ErrorInfo).reason == "SAGA_NOT_FOUND"
