"""What an order costs, on every store."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from services.pricing.service import PricingService
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from tests.conformance.services.conftest import RefusedWith, Serve

ORDER = PriceOrderRequest(
    lines=[Line(sku="MUG-BLUE", quantity=50), Line(sku="CHAIR-OAK", quantity=1)],
    coupon_codes=["EXPIRED", "FIVER"],
    country="CH",
)
YEAR = partial(datetime, month=6, day=1, tzinfo=UTC)


async def test_a_coupon_is_redeemed_until_it_expires(serve: Serve, refused_with: RefusedWith) -> None:
    year = 2019
    pricing = PricingServiceStub(await serve("pricing", partial(PricingService, clock=lambda: YEAR(year))))

    price = await pricing.PriceOrder(ORDER)
    year = 2020
    refused = await refused_with(pricing.PriceOrder(ORDER))

    # 50 x 8.55 + 189.00 = 616.50; 20 % and 5.00 off leave 488.20; 8.1 % of that is 39.5442.
    assert (price.subtotal.units, price.subtotal.nanos) == (616, 500_000_000)
    assert (price.discount.units, price.discount.nanos) == (128, 300_000_000)
    assert (price.tax.units, price.tax.nanos) == (39, 540_000_000)
    assert (price.total.units, price.total.nanos) == (527, 740_000_000)
    assert refused == ("FAILED_PRECONDITION", "COUPON_EXPIRED", {"coupon_code": "EXPIRED"})
