"""What was sold, on every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from services.analytics.service import AnalyticsService
from shop.analytics.v1.analytics_pb2 import GetReportRequest, RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from tests.conformance.services.conftest import Serve

LATE_ON_THE_16TH = datetime(2030, 5, 16, 23, 59, tzinfo=UTC)
FIRST, SECOND = Date(year=2030, month=5, day=16), Date(year=2030, month=5, day=17)


def order(order_id: str, *skus: str, currency: str = "EUR") -> RecordOrderRequest:
    lines = [Line(sku=sku, quantity=2) for sku in skus or ("MUG-BLUE",)]
    total = Money(currency_code=currency, units=9, nanos=500_000_000)
    return RecordOrderRequest(order_id=order_id, lines=lines, total=total)


async def test_an_order_counts_for_the_utc_day_on_which_it_is_recorded(serve: Serve) -> None:
    now = LATE_ON_THE_16TH
    analytics = AnalyticsServiceStub(await serve("analytics", partial(AnalyticsService, clock=lambda: now)))
    await analytics.RecordOrder(order("order-1"))
    now += timedelta(minutes=1)
    await analytics.RecordOrder(order("order-2"))
    await analytics.RecordOrder(order("order-3"))

    both = await analytics.GetReport(GetReportRequest(**{"from": FIRST}))
    today = await analytics.GetReport(GetReportRequest())
    yesterday = await analytics.GetReport(GetReportRequest(to=FIRST))

    assert [(day.date, day.orders) for day in both.days] == [(FIRST, 1), (SECOND, 2)]
    assert list(today.days) == [both.days[1]]
    assert list(yesterday.days) == [both.days[0]]


async def test_a_day_adds_up_by_currency_and_by_product_and_counts_an_order_once(serve: Serve) -> None:
    analytics = AnalyticsServiceStub(
        await serve("analytics", partial(AnalyticsService, clock=lambda: LATE_ON_THE_16TH))
    )
    for _ in range(2):
        await analytics.RecordOrder(order("order-1", "TEE-M", "MUG-BLUE", "TEE-M"))
        await analytics.RecordOrder(order("order-2", "TEE-M"))
        await analytics.RecordOrder(order("order-3", "BOOK-SAGA", currency="CHF"))

    [day] = (await analytics.GetReport(GetReportRequest())).days

    assert day.orders == 3
    assert [(total.currency_code, total.units, total.nanos) for total in day.totals] == [
        ("CHF", 9, 500_000_000),
        ("EUR", 19, 0),
    ]
    assert [(sales.sku, sales.quantity) for sales in day.products] == [("BOOK-SAGA", 2), ("MUG-BLUE", 2), ("TEE-M", 6)]
