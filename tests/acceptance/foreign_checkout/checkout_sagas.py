from dataclasses import dataclass

import boutique_pb2 as pb
from boutique_pb2_grpc import (
    CartServiceStub,
    CurrencyServiceStub,
    EmailServiceStub,
    PaymentServiceStub,
    ProductCatalogServiceStub,
    ShippingServiceStub,
)
from checkout.v1.checkout_pb2 import PlaceOrderRequest
from refunds.v1.refunds_pb2_grpc import RefundServiceStub

from orchestrator import best_effort, saga, saga_id

BILLION = 10**9


@dataclass(frozen=True)
class Boutique:
    cart: CartServiceStub
    catalogue: ProductCatalogServiceStub
    currency: CurrencyServiceStub
    shipping: ShippingServiceStub
    payment: PaymentServiceStub
    email: EmailServiceStub
    refunds: RefundServiceStub  # It is never called here: it compensates.


@saga("checkout", version=1)
async def checkout(order: PlaceOrderRequest, shop: Boutique) -> pb.Order:
    cart = await shop.cart.GetCart(pb.GetCartRequest(user_id=order.user_id))
    bought = [await priced(item, order.currency, shop) for item in cart.items]
    quote = await shop.shipping.GetQuote(pb.GetQuoteRequest(address=order.ship_to, items=cart.items))
    shipping_cost = await in_currency(quote.cost_usd, order.currency, shop)
    total = nanos(shipping_cost) + sum(nanos(each.cost) * each.item.quantity for each in bought)
    for number, card in enumerate(order.cards):
        share = (total + number) // len(order.cards)
        amount = pb.Money(currency_code=order.currency, units=share // BILLION, nanos=share % BILLION)
        await shop.payment.Charge(pb.ChargeRequest(amount=amount, credit_card=card))
    parcel = await shop.shipping.ShipOrder(pb.ShipOrderRequest(address=order.ship_to, items=cart.items))
    await shop.cart.EmptyCart(pb.EmptyCartRequest(user_id=order.user_id))
    placed = pb.Order(
        order_id=saga_id(),
        tracking_id=parcel.tracking_id,
        shipping_cost=shipping_cost,
        shipping_address=order.ship_to,
        items=bought,
    )
    await best_effort(
        shop.email.SendOrderConfirmation(pb.SendOrderConfirmationRequest(email=order.email, order=placed))
    )
    return placed


async def priced(item: pb.CartItem, currency: str, shop: Boutique) -> pb.OrderItem:
    product = await shop.catalogue.GetProduct(pb.GetProductRequest(id=item.product_id))
    return pb.OrderItem(item=item, cost=await in_currency(product.price_usd, currency, shop))


async def in_currency(price: pb.Money, currency: str, shop: Boutique) -> pb.Money:
    return await shop.currency.Convert(pb.ConvertRequest(**{"from": price, "to_code": currency}))


def nanos(money: pb.Money) -> int:
    return int(money.units * BILLION + money.nanos)
