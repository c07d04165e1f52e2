"""The pricing servicer: it prices an order's lines."""

from sqlalchemy import Connection

from services.chassis import Participant, Settings, query
from services.chassis.guard import Guard
from services.chassis.money import money_of_decimal
from services.chassis.timestamps import Clock, utc_now
from services.pricing import store
from services.pricing.domain import Line, Price, price_order, redeem
from shop.pricing.v1.pricing_pb2 import PricedLine, PriceOrderRequest, PriceOrderResponse
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceServicer


class PricingService(Participant, PricingServiceServicer):
    """Prices orders: price list, quantity breaks, coupons, tax.

    Args:
        guard: what the methods run behind.
        settings: those of the service.
        clock: the time, aware, by which coupons expire.
    """

    def __init__(self, guard: Guard, settings: Settings, *, clock: Clock = utc_now) -> None:
        super().__init__(guard, settings)
        self._clock = clock

    @query
    def PriceOrder(self, request: PriceOrderRequest, connection: Connection) -> PriceOrderResponse:
        """Price the lines of an order for the country that it goes to."""
        lines = [Line(line.sku, line.quantity) for line in request.lines]
        price_list = store.price_list(connection, {line.sku for line in lines})
        known = store.coupons(connection, request.coupon_codes)
        coupons = redeem(request.coupon_codes, known, self._clock())
        return _reply(price_order(lines, price_list, coupons, store.tax_percent(connection, request.country)))


def _reply(price: Price) -> PriceOrderResponse:
    return PriceOrderResponse(
        lines=[
            PricedLine(
                sku=line.sku,
                quantity=line.quantity,
                unit_price=money_of_decimal(line.unit_price),
                amount=money_of_decimal(line.amount),
            )
            for line in price.lines
        ],
        subtotal=money_of_decimal(price.subtotal),
        discount=money_of_decimal(price.discount),
        tax=money_of_decimal(price.tax),
        total=money_of_decimal(price.total),
    )
