"""The fault matrix holds what a saga publishes to its promise, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import child, publish, saga, saga_id
from orchestrator.journal.events import SagaEvents
from orchestrator.testing.matrix import fault_matrix
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from tests.unit.testing.matrix.selling_saga import Shop

if TYPE_CHECKING:
    import pytest

    from orchestrator.journal.events import EventState


@saga("pack_and_tell", version=1)
async def pack_and_tell(order: StartOrderRequest, shop: Shop) -> Receipt:
    await publish(OrderPlaced(order_id="packed"))
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id="packed", lines=order.lines))
    return Receipt(order_id=order.customer_id)


@saga("sell_and_tell", version=1)
async def sell_and_tell(order: StartOrderRequest, shop: Shop) -> Receipt:
    await publish(OrderPlaced(order_id="provisional"), at_once=True)
    await child(pack_and_tell, order)
    price = await shop.pricing.PriceOrder(PriceOrderRequest(lines=order.lines, country=order.ship_to.country))
    await shop.payment.AuthorizePayment(
        AuthorizePaymentRequest(
            order_id=saga_id(), customer_id=order.customer_id, amount=price.total, card_token=order.card_token
        )
    )
    await publish(OrderPlaced(order_id=saga_id(), total=price.total))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id(), amount=price.total))
    await publish(OrderPlaced(order_id="paid"))
    await shop.rewards.CreditPoints(
        CreditPointsRequest(order_id=saga_id(), customer_id=order.customer_id, total=price.total)
    )
    return Receipt(order_id=order.customer_id)


async def test_what_a_saga_and_its_child_publish_is_told_as_promised_with_every_fault() -> None:
    matrix = await fault_matrix(sell_and_tell)

    assert matrix.passed, matrix


async def test_an_event_that_is_not_held_makes_the_faults_fail_that_roll_back(monkeypatch: pytest.MonkeyPatch) -> None:
    add = SagaEvents.add

    def told(self: SagaEvents, name: str, event: EventState, *, at_once: bool, certain: bool) -> None:
        add(self, name, event, at_once=at_once, certain=certain or not at_once)

    monkeypatch.setattr(SagaEvents, "add", told)

    matrix = await fault_matrix(sell_and_tell)

    assert matrix.failures
    assert any("is told, and the saga is compensated" in cell.explanation for cell in matrix.failures)


async def test_an_event_that_is_forgotten_makes_every_fault_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SagaEvents, "tell_held", lambda _self: None)

    matrix = await fault_matrix(sell_and_tell)

    assert any("and nobody is told" in cell.explanation for cell in matrix.failures)
