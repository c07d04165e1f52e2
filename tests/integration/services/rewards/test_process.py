from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from google.type.money_pb2 import Money
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from shop.rewards.v1.rewards_pb2 import CreditPointsRequest, GetBalanceRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub
from tests.support.asynchronous import health_stub

if TYPE_CHECKING:
    from tests.integration.services.conftest import Refusal


async def test_the_process_is_healthy(channel: grpc.aio.Channel) -> None:
    reply = await health_stub(channel).Check(HealthCheckRequest(service="shop.rewards.v1.RewardsService"))

    assert reply.status == HealthCheckResponse.SERVING


def credit(order_id: str, customer_id: str, units: int = 12) -> CreditPointsRequest:
    total = Money(currency_code="EUR", units=units, nanos=990_000_000 if units > 0 else 0)
    return CreditPointsRequest(order_id=order_id, customer_id=customer_id, total=total)


async def test_an_order_is_credited_once_also_under_another_key(channel: grpc.aio.Channel) -> None:
    rewards = RewardsServiceStub(channel)

    first = await rewards.CreditPoints(credit("order-1", "ada"), metadata=[("idempotency-key", "1/credit")])
    same_key = await rewards.CreditPoints(credit("order-1", "ada"), metadata=[("idempotency-key", "1/credit")])
    another_key = await rewards.CreditPoints(credit("order-1", "ada"), metadata=[("idempotency-key", "1/again")])
    balance = (await rewards.GetBalance(GetBalanceRequest(customer_id="ada"))).balance

    assert (first.points, first.balance.points) == (12, 12)
    assert first == same_key == another_key
    assert (balance.customer_id, balance.points) == ("ada", 12)


async def test_the_next_order_adds_to_the_balance(channel: grpc.aio.Channel) -> None:
    rewards = RewardsServiceStub(channel)

    await rewards.CreditPoints(credit("order-2", "grace"))
    second = await rewards.CreditPoints(credit("order-3", "grace", units=30))

    assert (second.points, second.balance.points) == (30, 42)


async def test_a_customer_who_is_no_member_is_not_found(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    code, info = await refusal(RewardsServiceStub(channel).GetBalance(GetBalanceRequest(customer_id="nobody")))

    assert (code, info.reason, info.domain) == (grpc.StatusCode.NOT_FOUND, "MEMBER_UNKNOWN", "rewards.shop")


async def test_a_negative_total_is_a_violation_of_its_field(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    code, bad_request = await refusal(RewardsServiceStub(channel).CreditPoints(credit("order-4", "ada", units=-1)))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in bad_request.field_violations] == ["total"]
