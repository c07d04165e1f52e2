"""A small saga with one command of each kind, and what its matrix finds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator import best_effort, saga, saga_id
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub  # noqa: TC001 - as above
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub  # noqa: TC001 - as above
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub  # noqa: TC001 - as above
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub  # noqa: TC001 - as above

if TYPE_CHECKING:
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.testing.matrix import Matrix


@dataclass(frozen=True)
class Shop:
    inventory: InventoryServiceStub
    pricing: PricingServiceStub
    payment: PaymentServiceStub
    rewards: RewardsServiceStub
    analytics: AnalyticsServiceStub


@saga("sell", version=1)
async def sell(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Two compensable commands, a query between them, the pivot, one that only goes forward, one best effort."""
    order_id, customer_id = saga_id(), order.customer_id
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=order_id, lines=order.lines))
    price = await shop.pricing.PriceOrder(PriceOrderRequest(lines=order.lines, country=order.ship_to.country))
    await shop.payment.AuthorizePayment(
        AuthorizePaymentRequest(
            order_id=order_id, customer_id=customer_id, amount=price.total, card_token=order.card_token
        )
    )
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order_id, amount=price.total))
    await shop.rewards.CreditPoints(CreditPointsRequest(order_id=order_id, customer_id=customer_id, total=price.total))
    await best_effort(
        shop.analytics.RecordOrder(RecordOrderRequest(order_id=order_id, lines=order.lines, total=price.total))
    )
    return Receipt(order_id=order_id)


def altered(definition: SagaDefinition[Any, Any, Any], method: str, **changes: object) -> SagaDefinition[Any, Any, Any]:
    """The definition, with another contract for one method of its participants."""
    participants = tuple(
        dataclasses.replace(
            participant,
            commands={
                name: dataclasses.replace(command, **changes) if name == method else command  # type: ignore[arg-type]
                for name, command in participant.commands.items()
            },
        )
        for participant in definition.participants
    )
    return dataclasses.replace(definition, participants=participants)


def failed(matrix: Matrix) -> dict[str, set[str]]:
    """The commands whose cells failed, by the fault."""
    found: dict[str, set[str]] = {}
    for cell in matrix.failures:
        found.setdefault(cell.fault, set()).add(cell.command.partition(".")[2].partition("#")[0])
    return found
