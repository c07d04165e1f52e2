"""Only the guard's answers that hold for every attempt of an idempotency key echo the key."""

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from sqlalchemy import Connection

from services.chassis import Rejection, compensation
from services.chassis.arrivals import Way
from services.email.__main__ import SERVICE as EMAIL
from services.inventory.__main__ import SERVICE as INVENTORY
from services.inventory.service import InventoryService
from services.payment.__main__ import SERVICE as PAYMENT
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub
from shop.inventory.v1.inventory_pb2 import (
    GetStockRequest,
    ReleaseStockRequest,
    ReleaseStockResponse,
    ReserveStockRequest,
)
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, GetPaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import health_stub, reflection_stub, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.integration.services.chassis.conftest import Serve

WAYS = tuple(Way)

COMMAND = "0198/InventoryService.ReserveStock#1 ~!"
KEY = (("idempotency-key", COMMAND), ("saga-id", "0198"))
UNDO = (("idempotency-key", "undo"), ("compensates", COMMAND), ("saga-id", "0198"))
RELEASE = ReleaseStockRequest(order_id="order-1")


def reserve(quantity: int = 2, order_id: str = "order-1") -> ReserveStockRequest:
    return ReserveStockRequest(order_id=order_id, lines=[Line(sku="PIANO-GRAND", quantity=quantity)])


def hold(token: str) -> AuthorizePaymentRequest:
    amount = {"currency_code": "EUR", "units": 1}
    return AuthorizePaymentRequest(order_id="order-1", customer_id="alice", amount=amount, card_token=token)


@pytest.fixture
async def inventory(serve: "Serve") -> InventoryServiceStub:
    return InventoryServiceStub(await serve(INVENTORY))


@pytest.fixture
async def payment(serve: "Serve") -> PaymentServiceStub:
    return PaymentServiceStub(await serve(PAYMENT))


def echoes(trailing: "Iterable[tuple[str, str | bytes]]") -> list[str | bytes]:
    return [value for name, value in trailing if name == "idempotency-key"]


async def answer(call: "grpc.aio.UnaryUnaryCall[Any, Any]") -> tuple[str, list[str | bytes]]:
    """The code's name or, if there is one, the reason; and what is echoed."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        status = status_of(error)
        info = ErrorInfo()
        if status is not None and status.details:
            status.details[0].Unpack(info)
        return info.reason or error.code().name, echoes(error.trailing_metadata())
    return "OK", echoes(await call.trailing_metadata())


async def test_a_reply_echoes_the_key_when_it_is_new_and_when_it_is_recorded(inventory: InventoryServiceStub) -> None:
    for _ in range(2):
        assert await answer(inventory.ReserveStock(reserve(), metadata=KEY)) == ("OK", [COMMAND])


async def test_a_rejection_echoes_the_key_when_it_is_new_and_when_it_is_recorded(
    inventory: InventoryServiceStub,
) -> None:
    for _ in range(2):
        assert await answer(inventory.ReserveStock(reserve(4), metadata=KEY)) == ("OUT_OF_STOCK", [COMMAND])


async def test_a_compensation_echoes_its_own_key_and_not_that_of_its_command(inventory: InventoryServiceStub) -> None:
    await inventory.ReserveStock(reserve(), metadata=KEY)
    for _ in range(2):
        assert await answer(inventory.ReleaseStock(RELEASE, metadata=UNDO)) == ("OK", ["undo"])


async def test_a_command_that_comes_after_its_compensation_gets_an_echo(inventory: InventoryServiceStub) -> None:
    assert await answer(inventory.ReleaseStock(RELEASE, metadata=UNDO)) == ("OK", ["undo"])
    assert await answer(inventory.ReserveStock(reserve(), metadata=KEY)) == ("COMMAND_COMPENSATED", [COMMAND])


async def test_a_query_echoes_its_key(inventory: InventoryServiceStub) -> None:
    known, unknown = GetStockRequest(sku="MUG-BLUE"), GetStockRequest(sku="UNICORN")
    assert await answer(inventory.GetStock(known, metadata=KEY)) == ("OK", [COMMAND])
    assert await answer(inventory.GetStock(unknown, metadata=KEY)) == ("SKU_UNKNOWN", [COMMAND])


async def test_a_verify_query_echoes_its_key_whether_the_command_was_seen_or_not(payment: PaymentServiceStub) -> None:
    about = (*KEY, ("verifies", COMMAND))
    ask = GetPaymentRequest(order_id="order-1")
    assert await answer(payment.GetPayment(ask, metadata=about)) == ("COMMAND_NOT_SEEN", [COMMAND])
    assert await answer(payment.AuthorizePayment(hold("tok_visa"), metadata=KEY)) == ("OK", [COMMAND])
    assert await answer(payment.GetPayment(ask, metadata=about)) == ("OK", [COMMAND])


async def test_a_call_without_a_key_has_nothing_to_echo(inventory: InventoryServiceStub) -> None:
    assert await answer(inventory.ReserveStock(reserve())) == ("OK", [])
    assert await answer(inventory.ReserveStock(reserve(4, "order-2"))) == ("OUT_OF_STOCK", [])


async def test_a_reused_key_is_not_echoed(inventory: InventoryServiceStub) -> None:
    await inventory.ReserveStock(reserve(), metadata=KEY)
    assert await answer(inventory.ReserveStock(reserve(1), metadata=KEY)) == ("IDEMPOTENCY_KEY_REUSED", [])


async def test_a_call_refused_before_the_guard_is_not_echoed(inventory: InventoryServiceStub) -> None:
    assert await answer(inventory.ReserveStock(reserve(0), metadata=KEY)) == ("INVALID_ARGUMENT", [])
    itself = (("idempotency-key", "undo"), ("compensates", "undo"))
    assert await answer(inventory.ReleaseStock(RELEASE, metadata=itself)) == ("INVALID_ARGUMENT", [])


@pytest.mark.parametrize(
    ("token", "before"),
    [("tok_fails_once", True), ("tok_lost_reply", False)],
    ids=["before it", "after it took effect"],
)
async def test_a_passing_failure_is_not_echoed(payment: PaymentServiceStub, token: str, before: bool) -> None:
    assert await answer(payment.AuthorizePayment(hold(token), metadata=KEY)) == ("UNAVAILABLE", [])
    ask = GetPaymentRequest(order_id="order-1")
    assert await answer(payment.GetPayment(ask)) == ("PAYMENT_UNKNOWN" if before else "OK", [])
    assert await answer(payment.AuthorizePayment(hold(token), metadata=KEY)) == ("OK", [COMMAND])


class Stubborn(InventoryService):
    """An inventory whose compensation refuses, or fails."""

    @compensation
    def ReleaseStock(self, request: ReleaseStockRequest, connection: Connection) -> ReleaseStockResponse:  # noqa: N802
        del connection
        if request.order_id == "a bug":
            raise RuntimeError("a bug")
        raise Rejection("TOO_LATE", "too late")


async def test_a_rejection_that_is_not_recorded_is_not_echoed(serve: "Serve") -> None:
    inventory = InventoryServiceStub(await serve(INVENTORY, Stubborn))
    await inventory.ReserveStock(reserve(), metadata=KEY)
    assert await answer(inventory.ReleaseStock(RELEASE, metadata=UNDO)) == ("TOO_LATE", [])


async def test_a_bug_is_not_echoed(serve: "Serve") -> None:
    inventory = InventoryServiceStub(await serve(INVENTORY, Stubborn))
    await inventory.ReserveStock(reserve(), metadata=KEY)
    bug = ReleaseStockRequest(order_id="a bug")
    assert await answer(inventory.ReleaseStock(bug, metadata=UNDO)) == ("INTERNAL", [])


async def test_the_rejection_of_an_invalid_address_is_not_echoed(serve: "Serve") -> None:
    email = EmailServiceStub(await serve(EMAIL))
    letter = SendConfirmationRequest(order_id="order-1", to="ada", total={"currency_code": "EUR", "units": 1})
    assert await answer(email.SendConfirmation(letter, metadata=KEY)) == ("INVALID_ARGUMENT", [])


async def test_health_and_reflection_do_not_echo(serve: "Serve") -> None:
    channel = await serve(INVENTORY)
    assert await answer(health_stub(channel).Check(HealthCheckRequest(), metadata=KEY)) == ("OK", [])
    stranger = HealthCheckRequest(service="stranger")
    assert await answer(health_stub(channel).Check(stranger, metadata=KEY)) == ("NOT_FOUND", [])
    call = reflection_stub(channel).ServerReflectionInfo(
        iter([ServerReflectionRequest(list_services="")]), metadata=KEY
    )
    assert [reply async for reply in call]
    assert echoes(await call.trailing_metadata()) == []
