"""The analytics servicer: it records completed orders and makes reports."""

import datetime as dt
import re
from collections import Counter
from typing import Final, Literal

from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from sqlalchemy import Connection

from services.analytics import store
from services.analytics.domain import DaySales, period
from services.chassis import InvalidRequest, Participant, Settings, query, retryable
from services.chassis.guard import Guard
from services.chassis.money import money_of, nanos_of
from services.chassis.timestamps import Clock, utc_now
from shop.analytics.v1.analytics_pb2 import (
    Day,
    GetReportRequest,
    GetReportResponse,
    ProductSales,
    RecordOrderRequest,
    RecordOrderResponse,
)
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceServicer

_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class AnalyticsService(Participant, AnalyticsServiceServicer):
    """Counts orders and products by day.

    Args:
        guard: what the methods run behind.
        settings: those of the service.
        clock: the time, in UTC; an order counts for the day on which it is recorded.
    """

    def __init__(self, guard: Guard, settings: Settings, *, clock: Clock = utc_now) -> None:
        super().__init__(guard, settings)
        self._clock = clock

    @retryable
    def RecordOrder(self, request: RecordOrderRequest, connection: Connection) -> RecordOrderResponse:
        """Record a completed order, once."""
        products: Counter[str] = Counter()
        for line in request.lines:
            products[line.sku] += line.quantity
        store.record(
            connection,
            request.order_id,
            self._clock().date(),
            currency=request.total.currency_code,
            nanos=_paid(request.total),
            products=products,
        )
        return RecordOrderResponse()

    @query
    def GetReport(self, request: GetReportRequest, connection: Connection) -> GetReportResponse:
        """Report what was sold, day by day."""
        first, last = _day(request, "from"), _day(request, "to")
        try:
            days = period(first, last, today=self._clock().date())
        except ValueError as error:
            raise InvalidRequest([("from", str(error))]) from error
        return GetReportResponse(days=[_reply(sales) for sales in store.sales(connection, days)])


def _paid(total: Money) -> int:
    """The total in nanos, whatever its currency: a report keeps currencies apart."""
    if not _CURRENCY.fullmatch(total.currency_code):
        raise InvalidRequest([("total.currency_code", "must be three letters, as in ISO 4217")])
    nanos = nanos_of(total, field="total", currency=total.currency_code)
    if nanos < 0:
        raise InvalidRequest([("total", "must not be negative")])
    return nanos


def _day(request: GetReportRequest, field: Literal["from", "to"]) -> dt.date | None:
    if not request.HasField(field):
        return None
    # One of the two fields is a keyword of Python.
    value: Date = getattr(request, field)
    try:
        return dt.date(value.year, value.month, value.day)
    except ValueError as error:
        raise InvalidRequest([(field, "must be a whole day of the calendar")]) from error


def _reply(sales: DaySales) -> Day:
    return Day(
        date=Date(year=sales.day.year, month=sales.day.month, day=sales.day.day),
        orders=sales.orders,
        totals=[money_of(nanos, currency=currency) for currency, nanos in sales.totals.items()],
        products=[ProductSales(sku=sku, quantity=quantity) for sku, quantity in sales.products.items()],
    )
