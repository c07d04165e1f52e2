"""Which saga StartOrder starts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from orchestrator import saga
from orchestrator.errors import DefinitionError
from orchestrator.shop.order_service import refuse_other_orders
from shop.order.v1.order_pb2 import Order, Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub  # noqa: TC001 - the saga's signature is read


@dataclass(frozen=True)
class Shop:
    rewards: RewardsServiceStub


@saga("place_order", version=7)
async def seventh(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - it never runs
    return Receipt()


@saga("place_order", version=8)
async def of_another_input(order: Order, shop: Shop) -> Receipt:  # noqa: ARG001 - as above
    return Receipt()


@saga("take_order", version=1)
async def of_another_name(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as above
    return Receipt()


def test_an_order_can_be_placed_by_any_version_wherever_it_lives() -> None:
    refuse_other_orders([of_another_name, seventh])


def test_a_newest_version_that_takes_no_order_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        DefinitionError, match=r"place_order v8: .* take a StartOrderRequest .* or give it another name"
    ):
        refuse_other_orders([seventh, of_another_input])
