"""The boutique's services in Python, those that are named: `python services.py <address> <service>...`.

The names are `cart`, `catalogue`, `currency`, `shipping`, `payment` and `email`.
"""

import asyncio
import json
import os
import re
import secrets
import sys
import uuid
from collections import Counter
from datetime import UTC, datetime

import grpc
from grpc_reflection.v1alpha import reflection

import boutique_pb2 as pb
import boutique_pb2_grpc as stubs

BILLION = 1_000_000_000
# Millionths of a unit for one euro.
RATES = {"EUR": 1_000_000, "USD": 1_130_500, "JPY": 126_400_000, "GBP": 859_700, "CHF": 1_136_000}
CARDS = {"visa": r"4", "mastercard": r"5[1-5]|2[2-7]", "amex": r"3[47]"}
ACCEPTED = {"visa", "mastercard"}


def record(effect, **facts):
    """Write a line of the ledger, before the effect is answered."""
    print(json.dumps({"effect": effect, **facts}), flush=True)


def usd(units, nanos):
    return pb.Money(currency_code="USD", units=units, nanos=nanos)


PRODUCTS = [
    pb.Product(id=name.upper(), name=name, description=description, price_usd=price, categories=[category])
    for name, description, price, category in (
        ("Sunglasses", "Light, and dark enough.", usd(19, 990_000_000), "accessories"),
        ("Mug", "Holds a third of a litre.", usd(8, 990_000_000), "kitchen"),
        ("Watch", "Shows the hour, and no mail.", usd(109, 990_000_000), "accessories"),
    )
]


class Cart(stubs.CartServiceServicer):
    def __init__(self):
        self.items = {}

    async def AddItem(self, request, context):
        item = request.item
        self.items.setdefault(request.user_id, Counter())[item.product_id] += item.quantity
        record("added", user=request.user_id, product=item.product_id, quantity=item.quantity)
        return pb.Empty()

    async def GetCart(self, request, context):
        items = self.items.get(request.user_id, {}).items()
        return pb.Cart(
            user_id=request.user_id,
            items=[pb.CartItem(product_id=product, quantity=quantity) for product, quantity in items],
        )

    async def EmptyCart(self, request, context):
        self.items.pop(request.user_id, None)
        record("emptied", user=request.user_id)
        return pb.Empty()


class Catalogue(stubs.ProductCatalogServiceServicer):
    async def ListProducts(self, request, context):
        return pb.ListProductsResponse(products=PRODUCTS)

    async def GetProduct(self, request, context):
        product = next((each for each in PRODUCTS if each.id == request.id), None)
        if product is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no product with ID {request.id}")
        return product


class Currency(stubs.CurrencyServiceServicer):
    async def GetSupportedCurrencies(self, request, context):
        return pb.GetSupportedCurrenciesResponse(currency_codes=RATES)

    async def Convert(self, request, context):
        amount, to = getattr(request, "from"), request.to_code
        for code in (amount.currency_code, to):
            if code not in RATES:
                await context.abort(grpc.StatusCode.UNKNOWN, f"Unsupported currency: {code}")
        nanos = (amount.units * BILLION + amount.nanos) * RATES[to] // RATES[amount.currency_code]
        return pb.Money(currency_code=to, units=nanos // BILLION, nanos=nanos % BILLION)


class Shipping(stubs.ShippingServiceServicer):
    async def GetQuote(self, request, context):
        """The same for each parcel, and nothing for none."""
        return pb.GetQuoteResponse(cost_usd=usd(8, 990_000_000) if request.items else usd(0, 0))

    async def ShipOrder(self, request, context):
        """A parcel each time that it is asked, with a number that it makes up."""
        letters = "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(2))
        tracking_id = f"{letters}-{secrets.randbelow(10**5):05}-{secrets.randbelow(10**8):08}"
        items: Counter[str] = Counter()
        for item in request.items:
            items[item.product_id] += item.quantity
        record("shipped", tracking_id=tracking_id, city=request.address.city, items=items)
        return pb.ShipOrderResponse(tracking_id=tracking_id)


class Payment(stubs.PaymentServiceServicer):
    async def Charge(self, request, context):
        """Each call is a charge of its own: there is no key by which it could be known again."""
        amount, card = request.amount, request.credit_card
        if wrong := fault(card):
            await context.abort(grpc.StatusCode.UNKNOWN, wrong)
        transaction_id = str(uuid.uuid4())
        record(
            "charged",
            transaction_id=transaction_id,
            currency=amount.currency_code,
            units=amount.units,
            nanos=amount.nanos,
            card=card.number[-4:],
        )
        if os.environ.get("PAYMENT_STALLS"):
            await asyncio.Event().wait()  # The money is taken, and nobody is told.
        return pb.ChargeResponse(transaction_id=transaction_id)


def fault(card):
    """What is wrong with a card; nothing for one that can be charged."""
    digits, today = re.sub("[- ]", "", card.number), datetime.now(UTC)
    if not re.fullmatch(r"\d{13,19}", digits) or not is_luhn(digits):
        return "Credit card info is invalid"
    kind = next((kind for kind, begins in CARDS.items() if re.match(begins, digits)), "unknown")
    if kind not in ACCEPTED:
        return f"Sorry, we cannot process {kind} credit cards. Only VISA or MasterCard is accepted."
    if (card.expiration_year, card.expiration_month) < (today.year, today.month):
        return f"Your credit card (ending {digits[-4:]}) expired on {card.expiration_month}/{card.expiration_year}"
    return ""


def is_luhn(digits):
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


class Email(stubs.EmailServiceServicer):
    async def SendOrderConfirmation(self, request, context):
        """A mail each time that it is asked."""
        record("mailed", email=request.email, order_id=request.order.order_id)
        return pb.Empty()


SERVICES = {
    "cart": (Cart, stubs.add_CartServiceServicer_to_server, "CartService"),
    "catalogue": (Catalogue, stubs.add_ProductCatalogServiceServicer_to_server, "ProductCatalogService"),
    "currency": (Currency, stubs.add_CurrencyServiceServicer_to_server, "CurrencyService"),
    "shipping": (Shipping, stubs.add_ShippingServiceServicer_to_server, "ShippingService"),
    "payment": (Payment, stubs.add_PaymentServiceServicer_to_server, "PaymentService"),
    "email": (Email, stubs.add_EmailServiceServicer_to_server, "EmailService"),
}


async def main(address, *names):
    server = grpc.aio.server()
    for name in names:
        servicer, add, _ = SERVICES[name]
        add(servicer(), server)
    listed = [f"boutique.{SERVICES[name][2]}" for name in names]
    reflection.enable_server_reflection([*listed, reflection.SERVICE_NAME], server)
    port = server.add_insecure_port(address)
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


asyncio.run(main(*sys.argv[1:]))
