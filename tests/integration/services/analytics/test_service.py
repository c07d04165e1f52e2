from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from shop.analytics.v1.analytics_pb2 import GetReportRequest, RecordOrderRequest
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from tests.integration.services.conftest import InProcess

LATE_ON_THE_16TH = datetime(2030, 5, 16, 23, 59, tzinfo=UTC)
FIRST, SECOND = Date(year=2030, month=5, day=16), Date(year=2030, month=5, day=17)


def order(order_id: str) -> RecordOrderRequest:
    total = Money(currency_code="EUR", units=9, nanos=500_000_000)
    return RecordOrderRequest(order_id=order_id, lines=[Line(sku="MUG-BLUE", quantity=1)], total=total)


async def test_an_order_counts_for_the_utc_day_on_which_it_is_recorded(in_process: InProcess) -> None:
    now = LATE_ON_THE_16TH
    async with in_process(clock=lambda: now) as channel:
        analytics = AnalyticsServiceStub(channel)
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
    assert list(today.days[0].totals) == [Money(currency_code="EUR", units=19)]
