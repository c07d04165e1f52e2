"""The fraud service, on every store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.fraud import domain, store
from services.fraud.service import FraudService
from shop.fraud.v1.fraud_pb2 import VERDICT_ACCEPT, VERDICT_DECLINE, AssessOrderRequest
from shop.fraud.v1.fraud_pb2_grpc import FraudServiceStub

if TYPE_CHECKING:
    from services.chassis import Settings
    from services.chassis.guard import Guard
    from tests.conformance.services.conftest import Serve


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def fraud(serve: Serve, clock: Clock) -> FraudServiceStub:
    def create(guard: Guard, settings: Settings) -> FraudService:
        return FraudService(guard, settings, clock=clock)

    return FraudServiceStub(await serve("fraud", create))


def order(order_id: str = "order-1", *, units: int = 100, shipping_country: str = "DE") -> AssessOrderRequest:
    return AssessOrderRequest(
        order_id=order_id,
        customer_id="alice",
        amount={"currency_code": "EUR", "units": units},
        billing_country="DE",
        shipping_country=shipping_country,
    )


async def test_a_grand_piano_is_accepted(fraud: FraudServiceStub) -> None:
    reply = await fraud.AssessOrder(order(units=18_900))
    assert (reply.verdict, reply.score, list(reply.reasons)) == (VERDICT_ACCEPT, 40, ["AMOUNT_HIGH"])


async def test_a_grand_piano_for_another_country_is_declined(fraud: FraudServiceStub) -> None:
    reply = await fraud.AssessOrder(order(units=18_900, shipping_country="FR"))
    assert (reply.verdict, reply.score) == (VERDICT_DECLINE, 70)
    assert list(reply.reasons) == ["AMOUNT_HIGH", "COUNTRY_MISMATCH"]


async def test_an_order_gets_the_same_answer_however_often_it_is_assessed(fraud: FraudServiceStub) -> None:
    first = await fraud.AssessOrder(order())
    assert await fraud.AssessOrder(order(units=60_000)) == first


async def test_an_order_assessed_twice_at_once_is_answered_or_unavailable(fraud: FraudServiceStub) -> None:
    replies = await asyncio.gather(*(fraud.AssessOrder(order()) for _ in range(8)), return_exceptions=True)
    assert {reply.verdict for reply in replies if not isinstance(reply, BaseException)} == {VERDICT_ACCEPT}
    assert (await fraud.AssessOrder(order())).verdict == VERDICT_ACCEPT


async def test_a_customer_who_orders_too_often_within_an_hour_adds_to_the_score(
    fraud: FraudServiceStub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "HIGH_VELOCITY", 2)
    for n in range(2):
        await fraud.AssessOrder(order(f"order-{n}"))
        await fraud.AssessOrder(order(f"order-{n}"))
    assert (await fraud.AssessOrder(order("third"))).reasons == ["VELOCITY_HIGH"]
    clock.now += domain.VELOCITY_WINDOW + timedelta(microseconds=1)
    assert (await fraud.AssessOrder(order("much later"))).reasons == []


def test_orders_are_counted_only_up_to_the_limit_of_the_rules() -> None:
    assert str(store._COUNT_RECENT).count("LIMIT") == 1
