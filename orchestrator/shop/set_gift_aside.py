"""How a gift is set aside for a member who has filled a card of stamps.

Nobody asks for it: a subscriber starts it when it hears of the filled card, once for each card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator import saga, saga_id
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.loyalty.v1.events_pb2 import Gift, GiftRequest
from shop.product.v1.product_pb2 import CreateOrderRequest
from shop.product.v1.product_pb2_grpc import ProductServiceStub
from shop.type.v1.type_pb2 import Line

GIFT: Final = Line(sku="MUG-BLUE", quantity=1)
"""What is given away."""


@dataclass(frozen=True)
class GiftShop:
    """Who takes part."""

    product: ProductServiceStub
    inventory: InventoryServiceStub


@saga("set_gift_aside", version=1)
async def set_gift_aside(filled: GiftRequest, shop: GiftShop) -> Gift:
    """Write the gift down, and keep it on the shelf for the member."""
    gift_id = saga_id()
    await shop.product.CreateOrder(CreateOrderRequest(order_id=gift_id, customer_id=filled.customer_id, lines=[GIFT]))
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=gift_id, lines=[GIFT]))
    return Gift(customer_id=filled.customer_id, sku=GIFT.sku)
