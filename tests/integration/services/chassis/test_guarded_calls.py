"""The guard and the validation, as a saga meets them: over gRPC."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from google.rpc import error_details_pb2

from services.chassis.arrivals import Way
from services.inventory.__main__ import SERVICE as INVENTORY
from services.payment.__main__ import SERVICE as PAYMENT
from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReleaseStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from google.protobuf.message import Message

    from tests.integration.services.chassis.conftest import Serve

WAYS = tuple(Way)

COMMAND = (("idempotency-key", "saga-1/ReserveStock#1"), ("saga-id", "saga-1"))
UNDO = (("idempotency-key", "saga-1/ReleaseStock#1"), ("compensates", "saga-1/ReserveStock#1"))


@pytest.fixture
async def inventory(serve: Serve) -> InventoryServiceStub:
    return InventoryServiceStub(await serve(INVENTORY))


def reserve(quantity: int = 2, order_id: str = "order-1") -> ReserveStockRequest:
    return ReserveStockRequest(order_id=order_id, lines=[Line(sku="LAMP-DESK", quantity=quantity)])


RELEASE = ReleaseStockRequest(order_id="order-1")


async def reserved(inventory: InventoryServiceStub) -> int:
    return (await inventory.GetStock(GetStockRequest(sku="LAMP-DESK"))).reserved


async def refused(call: Awaitable[object], detail: Message) -> grpc.StatusCode:
    """Await a call that must fail; fill ``detail`` from its rich status and return its code."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = status_of(caught.value)
    assert status is not None
    assert status.details[0].Unpack(detail)
    return caught.value.code()


async def reason(call: Awaitable[object]) -> str:
    info = error_details_pb2.ErrorInfo()
    await refused(call, info)
    return str(info.reason)


async def test_bad_input_is_answered_field_by_field(inventory: InventoryServiceStub) -> None:
    request = ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=1), Line(sku="mug")])
    details = error_details_pb2.BadRequest()
    assert await refused(inventory.ReserveStock(request), details) is grpc.StatusCode.INVALID_ARGUMENT
    assert [one.field for one in details.field_violations] == ["lines[1].sku", "lines[1].quantity"]


async def test_bad_input_does_not_use_up_its_key(inventory: InventoryServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await inventory.ReserveStock(reserve(0), metadata=COMMAND)
    await inventory.ReserveStock(reserve(), metadata=COMMAND)
    assert await reserved(inventory) == 2


async def test_the_same_key_twice_is_one_reservation_and_one_reply(inventory: InventoryServiceStub) -> None:
    first = await inventory.ReserveStock(reserve(), metadata=COMMAND)
    second = await inventory.ReserveStock(reserve(), metadata=COMMAND)
    assert first.SerializeToString() == second.SerializeToString()
    assert await reserved(inventory) == 2


async def test_the_same_key_for_another_request_is_refused(inventory: InventoryServiceStub) -> None:
    await inventory.ReserveStock(reserve(2), metadata=COMMAND)
    assert await reason(inventory.ReserveStock(reserve(3), metadata=COMMAND)) == "IDEMPOTENCY_KEY_REUSED"


async def test_a_rejected_key_stays_rejected(inventory: InventoryServiceStub) -> None:
    await inventory.ReserveStock(reserve(500, "another order"))
    assert await reason(inventory.ReserveStock(reserve(), metadata=COMMAND)) == "OUT_OF_STOCK"
    await inventory.ReleaseStock(ReleaseStockRequest(order_id="another order"))
    assert await reason(inventory.ReserveStock(reserve(), metadata=COMMAND)) == "OUT_OF_STOCK"
    assert await reserved(inventory) == 0


async def test_a_compensation_gives_back_what_its_command_took(inventory: InventoryServiceStub) -> None:
    await inventory.ReserveStock(reserve(), metadata=COMMAND)
    for _ in range(2):
        await inventory.ReleaseStock(RELEASE, metadata=UNDO)
    assert await reserved(inventory) == 0


async def test_a_command_that_comes_after_its_compensation_is_refused(inventory: InventoryServiceStub) -> None:
    await inventory.ReleaseStock(RELEASE, metadata=UNDO)
    assert await reason(inventory.ReserveStock(reserve(), metadata=COMMAND)) == "COMMAND_COMPENSATED"
    assert await reserved(inventory) == 0


async def test_a_compensation_leaves_the_reservation_of_another_command_alone(inventory: InventoryServiceStub) -> None:
    await inventory.ReserveStock(reserve())
    await inventory.ReleaseStock(RELEASE, metadata=UNDO)
    assert await reserved(inventory) == 2


async def test_concurrent_duplicates_reserve_once(inventory: InventoryServiceStub) -> None:
    replies = await asyncio.gather(*(inventory.ReserveStock(reserve(), metadata=COMMAND) for _ in range(20)))
    assert len({reply.SerializeToString() for reply in replies}) == 1
    assert await reserved(inventory) == 2


async def test_a_passing_failure_says_when_to_retry(serve: Serve) -> None:
    payment = PaymentServiceStub(await serve(PAYMENT))
    amount = {"currency_code": "EUR", "units": 1}
    request = AuthorizePaymentRequest(
        order_id="order-1", customer_id="alice", amount=amount, card_token="tok_fails_once"
    )
    details = error_details_pb2.RetryInfo()
    assert await refused(payment.AuthorizePayment(request), details) is grpc.StatusCode.UNAVAILABLE
    assert details.retry_delay.ToMilliseconds() > 0
    assert (await payment.AuthorizePayment(request)).payment_id
