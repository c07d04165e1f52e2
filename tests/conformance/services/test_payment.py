"""The payment service, on every store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from google.type.money_pb2 import Money

from shop.payment.v1.payment_pb2 import (
    PAYMENT_STATE_AUTHORIZED,
    PAYMENT_STATE_CAPTURED,
    PAYMENT_STATE_VOIDED,
    AuthorizePaymentRequest,
    CapturePaymentRequest,
    GetPaymentRequest,
    GetPaymentResponse,
    VoidAuthorizationRequest,
)
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub

if TYPE_CHECKING:
    from tests.conformance.services.conftest import RefusedWith, Serve

ORDER = "order-1"
KEY = (("idempotency-key", "key-1"),)


@pytest.fixture
async def payment(serve: Serve) -> PaymentServiceStub:
    return PaymentServiceStub(await serve("payment"))


def euros(units: int, nanos: int = 0, currency: str = "EUR") -> Money:
    return Money(currency_code=currency, units=units, nanos=nanos)


def authorization(
    token: str = "tok_visa", *, customer_id: str = "alice", amount: Money | None = None
) -> AuthorizePaymentRequest:
    amount = amount or euros(100)
    return AuthorizePaymentRequest(order_id=ORDER, customer_id=customer_id, amount=amount, card_token=token)


def capture(units: int = 100) -> CapturePaymentRequest:
    return CapturePaymentRequest(order_id=ORDER, amount=euros(units))


VOID = VoidAuthorizationRequest(order_id=ORDER)
GET = GetPaymentRequest(order_id=ORDER)


def entries(shown: GetPaymentResponse) -> list[tuple[str, int]]:
    assert sum(entry.amount.units for entry in shown.entries) == 0
    return [(entry.account, entry.amount.units) for entry in shown.entries]


async def test_a_hold_is_booked_from_the_customer_to_the_holds(payment: PaymentServiceStub) -> None:
    reply = await payment.AuthorizePayment(authorization())
    shown = await payment.GetPayment(GET)
    assert shown.payment.payment_id == shown.payment_id == reply.payment_id
    assert shown.payment.state == PAYMENT_STATE_AUTHORIZED
    assert shown.payment.amount.units == 100
    assert entries(shown) == [("customer:alice", 100), ("holds", -100)]


async def test_a_capture_turns_the_hold_into_sales(payment: PaymentServiceStub) -> None:
    authorized = await payment.AuthorizePayment(authorization())
    captured = await payment.CapturePayment(capture())
    assert captured.payment_id == authorized.payment_id
    shown = await payment.GetPayment(GET)
    assert shown.payment.state == PAYMENT_STATE_CAPTURED
    assert entries(shown)[2:] == [("holds", 100), ("sales", -100)]


async def test_a_smaller_capture_gives_the_rest_back(payment: PaymentServiceStub) -> None:
    await payment.AuthorizePayment(authorization())
    await payment.CapturePayment(capture(60))
    shown = await payment.GetPayment(GET)
    assert shown.payment.amount.units == 60
    assert sorted(entries(shown)[2:]) == [("customer:alice", -40), ("holds", 40), ("holds", 60), ("sales", -60)]


async def test_a_void_lifts_the_hold_and_may_be_repeated(payment: PaymentServiceStub) -> None:
    await payment.AuthorizePayment(authorization())
    await payment.VoidAuthorization(VOID)
    await payment.VoidAuthorization(VOID)
    shown = await payment.GetPayment(GET)
    assert shown.payment.state == PAYMENT_STATE_VOIDED
    assert entries(shown)[2:] == [("holds", 100), ("customer:alice", -100)]


async def test_a_void_without_a_hold_succeeds(payment: PaymentServiceStub, refused_with: RefusedWith) -> None:
    await payment.VoidAuthorization(VOID)
    code, reason, metadata = await refused_with(payment.GetPayment(GET))
    assert (code, reason, metadata) == ("NOT_FOUND", "PAYMENT_UNKNOWN", {"order_id": ORDER})


async def test_an_amount_above_the_hold_cannot_be_captured(
    payment: PaymentServiceStub, refused_with: RefusedWith
) -> None:
    await payment.AuthorizePayment(authorization())
    assert (await refused_with(payment.CapturePayment(capture(101))))[:2] == (
        "FAILED_PRECONDITION",
        "CAPTURE_EXCEEDS_HOLD",
    )


async def test_a_voided_payment_cannot_be_captured(payment: PaymentServiceStub, refused_with: RefusedWith) -> None:
    await payment.AuthorizePayment(authorization())
    await payment.VoidAuthorization(VOID)
    assert (await refused_with(payment.CapturePayment(capture())))[1] == "PAYMENT_VOIDED"


async def test_a_captured_payment_cannot_be_voided(payment: PaymentServiceStub, refused_with: RefusedWith) -> None:
    await payment.AuthorizePayment(authorization())
    await payment.CapturePayment(capture())
    assert (await refused_with(payment.VoidAuthorization(VOID)))[1] == "PAYMENT_CAPTURED"
    assert (await refused_with(payment.CapturePayment(capture())))[1] == "PAYMENT_CAPTURED"


async def test_a_capture_without_a_hold_is_refused(payment: PaymentServiceStub, refused_with: RefusedWith) -> None:
    assert (await refused_with(payment.CapturePayment(capture())))[:2] == ("NOT_FOUND", "PAYMENT_UNKNOWN")


async def test_an_order_has_one_payment(payment: PaymentServiceStub, refused_with: RefusedWith) -> None:
    await payment.AuthorizePayment(authorization())
    assert (await refused_with(payment.AuthorizePayment(authorization())))[1] == "ORDER_ALREADY_AUTHORIZED"


async def test_of_a_void_and_a_capture_at_once_one_wins(payment: PaymentServiceStub) -> None:
    await payment.AuthorizePayment(authorization())
    outcomes = await asyncio.gather(
        payment.VoidAuthorization(VOID), payment.CapturePayment(capture()), return_exceptions=True
    )
    assert sum(isinstance(outcome, BaseException) for outcome in outcomes) == 1
    entries(await payment.GetPayment(GET))


@pytest.mark.parametrize(
    ("token", "reason"), [("tok_declined", "CARD_DECLINED"), ("tok_insufficient_funds", "INSUFFICIENT_FUNDS")]
)
async def test_a_refused_card_leaves_no_payment(
    payment: PaymentServiceStub, refused_with: RefusedWith, token: str, reason: str
) -> None:
    refusal = await refused_with(payment.AuthorizePayment(authorization(token), metadata=KEY))
    assert refusal[:2] == ("FAILED_PRECONDITION", reason)
    assert (await refused_with(payment.GetPayment(GET)))[1] == "PAYMENT_UNKNOWN"


async def test_a_slow_card_takes_effect_and_the_repeated_key_is_answered_at_once(
    payment: PaymentServiceStub, refused_with: RefusedWith
) -> None:
    slow = payment.AuthorizePayment(authorization("tok_slow"), metadata=KEY, timeout=0.5)
    assert (await refused_with(slow))[0] == "DEADLINE_EXCEEDED"
    reply = await payment.AuthorizePayment(authorization("tok_slow"), metadata=KEY, timeout=0.5)
    assert reply.payment_id == (await payment.GetPayment(GET)).payment_id


async def test_a_lost_reply_is_found_by_repeating_the_key(
    payment: PaymentServiceStub, refused_with: RefusedWith
) -> None:
    lost = payment.AuthorizePayment(authorization("tok_lost_reply"), metadata=KEY)
    assert (await refused_with(lost))[0] == "UNAVAILABLE"
    held = await payment.GetPayment(GET, metadata=(("verifies", "key-1"),))
    reply = await payment.AuthorizePayment(authorization("tok_lost_reply"), metadata=KEY)
    assert reply.payment_id == held.payment_id


async def test_a_card_that_fails_once_fails_before_any_effect(
    payment: PaymentServiceStub, refused_with: RefusedWith
) -> None:
    first = payment.AuthorizePayment(authorization("tok_fails_once"), metadata=KEY)
    assert (await refused_with(first))[0] == "UNAVAILABLE"
    unseen = payment.GetPayment(GET, metadata=(("verifies", "key-1"),))
    assert (await refused_with(unseen))[:2] == ("NOT_FOUND", "COMMAND_NOT_SEEN")
    replies = [await payment.AuthorizePayment(authorization("tok_fails_once"), metadata=KEY) for _ in range(2)]
    assert replies[0] == replies[1]


@pytest.mark.parametrize(
    "amount",
    [
        euros(0),
        euros(-1),
        euros(1, currency="USD"),
        euros(1, nanos=-1),
        euros(0, nanos=1_000_000_000),
        euros(1_000_000_000),
    ],
)
async def test_an_invalid_amount_is_bad_input(payment: PaymentServiceStub, amount: Money) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await payment.AuthorizePayment(authorization(amount=amount))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "amount" in (caught.value.details() or "")


async def test_a_text_that_no_store_can_hold_is_never_an_internal_error(payment: PaymentServiceStub) -> None:
    try:
        await payment.AuthorizePayment(authorization(customer_id="al\0ice"))
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT  # noqa: PT017 - SQLite can hold it
