from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from shop.analytics.v1.analytics_pb2 import GetReportRequest, RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import health_stub

if TYPE_CHECKING:
    from tests.integration.services.conftest import Refusal


EVER = GetReportRequest(**{"from": Date(year=2000, month=1, day=1), "to": Date(year=9999, month=12, day=31)})


async def test_the_process_is_healthy(channel: grpc.aio.Channel) -> None:
    reply = await health_stub(channel).Check(HealthCheckRequest(service="shop.analytics.v1.AnalyticsService"))

    assert reply.status == HealthCheckResponse.SERVING


async def test_the_same_key_records_an_order_once(channel: grpc.aio.Channel) -> None:
    analytics = AnalyticsServiceStub(channel)
    lines = [Line(sku="ONCE-B", quantity=2), Line(sku="ONCE-A", quantity=1), Line(sku="ONCE-B", quantity=3)]
    # A currency for testing, so that no other test adds to the total.
    order = RecordOrderRequest(order_id="order-1", lines=lines, total=Money(currency_code="XTS", units=71))
    metadata = [("idempotency-key", "1/record")]

    await analytics.RecordOrder(order, metadata=metadata)
    await analytics.RecordOrder(order, metadata=metadata)
    days = (await analytics.GetReport(EVER)).days

    [day] = [day for day in days if order.total in day.totals]
    sold = [(sales.sku, sales.quantity) for sales in day.products if sales.sku.startswith("ONCE")]
    assert sold == [("ONCE-A", 1), ("ONCE-B", 5)]


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (Date(year=2030, month=5, day=2), Date(year=2030, month=5, day=1), "from"),
        (Date(year=2030, month=2, day=30), Date(year=2030, month=5, day=1), "from"),
        (Date(year=2030, month=5, day=1), Date(year=2030), "to"),
    ],
    ids=["after the last", "not in the calendar", "no whole day"],
)
async def test_an_invalid_day_is_a_violation_of_its_field(
    channel: grpc.aio.Channel, refusal: Refusal, first: Date, last: Date, field: str
) -> None:
    call = AnalyticsServiceStub(channel).GetReport(GetReportRequest(**{"from": first, "to": last}))

    code, bad_request = await refusal(call)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in bad_request.field_violations] == [field]


async def test_a_total_without_a_currency_is_a_violation_of_its_field(
    channel: grpc.aio.Channel, refusal: Refusal
) -> None:
    order = RecordOrderRequest(order_id="order-2", lines=[Line(sku="TEE-M", quantity=1)], total=Money(units=1))

    code, bad_request = await refusal(AnalyticsServiceStub(channel).RecordOrder(order))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in bad_request.field_violations] == ["total.currency_code"]


async def test_a_key_that_comes_with_another_order_is_refused(channel: grpc.aio.Channel, refusal: Refusal) -> None:
    analytics = AnalyticsServiceStub(channel)
    orders = [
        RecordOrderRequest(
            order_id=order_id, lines=[Line(sku="TEE-M", quantity=1)], total=Money(currency_code="EUR", units=1)
        )
        for order_id in ("order-3", "order-4")
    ]
    metadata = [("idempotency-key", "3/record")]
    await analytics.RecordOrder(orders[0], metadata=metadata)

    code, info = await refusal(analytics.RecordOrder(orders[1], metadata=metadata))

    assert (code, info.domain) == (grpc.StatusCode.FAILED_PRECONDITION, "analytics.shop")
    assert info.reason == "IDEMPOTENCY_KEY_REUSED"
