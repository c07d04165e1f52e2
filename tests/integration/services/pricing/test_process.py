from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import health_stub

if TYPE_CHECKING:
    from tests.integration.services.conftest import Refusal


async def test_the_process_is_healthy(channel: grpc.aio.Channel) -> None:
    reply = await health_stub(channel).Check(HealthCheckRequest(service="shop.pricing.v1.PricingService"))

    assert reply.status == HealthCheckResponse.SERVING


def order(*lines: Line, coupons: tuple[str, ...] = (), country: str = "DE") -> PriceOrderRequest:
    return PriceOrderRequest(lines=lines, coupon_codes=coupons, country=country)


async def test_an_order_is_priced_with_breaks_coupons_and_tax(channel: grpc.aio.Channel) -> None:
    request = order(Line(sku="MUG-BLUE", quantity=10), Line(sku="TEE-M", quantity=1), coupons=("WELCOME10", "FIVER"))

    price = await PricingServiceStub(channel).PriceOrder(request)

    assert [(line.unit_price.units, line.unit_price.nanos) for line in price.lines] == [(9, 25_000_000), (24, 0)]
    assert (price.subtotal.units, price.subtotal.nanos) == (114, 250_000_000)
    assert (price.discount.units, price.discount.nanos) == (16, 430_000_000)
    assert (price.tax.units, price.tax.nanos) == (18, 590_000_000)
    assert (price.total.units, price.total.nanos, price.total.currency_code) == (116, 410_000_000, "EUR")


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        (order(Line(sku="GHOST", quantity=1)), grpc.StatusCode.NOT_FOUND, "SKU_UNKNOWN"),
        (order(Line(sku="TEE-M", quantity=1), coupons=("GHOST",)), grpc.StatusCode.NOT_FOUND, "COUPON_UNKNOWN"),
        (
            order(Line(sku="TEE-M", quantity=1), coupons=("EXPIRED",)),
            grpc.StatusCode.FAILED_PRECONDITION,
            "COUPON_EXPIRED",
        ),
    ],
)
async def test_an_order_that_cannot_be_priced_is_refused_with_the_reason(
    channel: grpc.aio.Channel, refusal: Refusal, request_: PriceOrderRequest, code: grpc.StatusCode, reason: str
) -> None:
    refused, info = await refusal(PricingServiceStub(channel).PriceOrder(request_))

    assert (refused, info.reason, info.domain) == (code, reason, "pricing.shop")


async def test_an_invalid_country_is_a_violation_of_its_field(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    request = order(Line(sku="TEE-M", quantity=1), country="Germany")

    code, bad_request = await refusal(PricingServiceStub(channel).PriceOrder(request))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in bad_request.field_violations] == ["country"]
