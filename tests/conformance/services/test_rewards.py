"""The points of members, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.type.money_pb2 import Money

from shop.rewards.v1.rewards_pb2 import CreditPointsRequest, GetBalanceRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub

if TYPE_CHECKING:
    from tests.conformance.services.conftest import RefusedWith, Serve


@pytest.fixture
async def rewards(serve: Serve) -> RewardsServiceStub:
    return RewardsServiceStub(await serve("rewards"))


def credit(order_id: str, customer_id: str = "ada") -> CreditPointsRequest:
    total = Money(currency_code="EUR", units=12, nanos=990_000_000)
    return CreditPointsRequest(order_id=order_id, customer_id=customer_id, total=total)


async def test_an_order_is_credited_once_and_the_next_one_adds_to_the_balance(rewards: RewardsServiceStub) -> None:
    replies = [await rewards.CreditPoints(credit(order_id)) for order_id in ("order-1", "order-1", "order-2")]

    assert [(reply.points, reply.balance.points) for reply in replies] == [(12, 12), (12, 12), (12, 24)]
    assert (await rewards.GetBalance(GetBalanceRequest(customer_id="ada"))).balance.points == 24


async def test_a_refused_credit_makes_no_member(rewards: RewardsServiceStub, refused_with: RefusedWith) -> None:
    await rewards.CreditPoints(credit("order-1"))

    refused = await refused_with(rewards.CreditPoints(credit("order-1", "grace")))
    unknown = await refused_with(rewards.GetBalance(GetBalanceRequest(customer_id="grace")))

    assert refused == ("ALREADY_EXISTS", "ORDER_CREDITED_TO_ANOTHER", {"order_id": "order-1"})
    assert unknown == ("NOT_FOUND", "MEMBER_UNKNOWN", {"customer_id": "grace"})
