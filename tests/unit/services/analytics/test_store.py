from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from services.analytics import store
from services.analytics.domain import DaySales, Period

if TYPE_CHECKING:
    from sqlalchemy import Connection

MONDAY = date(2030, 5, 13)
TUESDAY = date(2030, 5, 14)
THURSDAY = date(2030, 5, 16)
EURO = 10**9


@pytest.fixture
def connection(connection: Connection) -> Connection:
    store.record(connection, "o-1", MONDAY, currency="EUR", nanos=19 * EURO, products={"MUG": 2})
    store.record(connection, "o-2", TUESDAY, currency="USD", nanos=5 * EURO, products={"TEE": 1})
    store.record(connection, "o-3", TUESDAY, currency="EUR", nanos=7 * EURO + 1, products={"MUG": 1, "TEE": 4})
    store.record(connection, "o-4", TUESDAY, currency="EUR", nanos=3 * EURO, products={"BOOK": 1})
    store.record(connection, "o-5", THURSDAY, currency="EUR", nanos=0, products={"BOOK": 9})
    return connection


def test_days_are_added_up_by_currency_and_by_product(connection: Connection) -> None:
    assert store.sales(connection, Period(MONDAY, THURSDAY)) == [
        DaySales(MONDAY, 1, {"EUR": 19 * EURO}, {"MUG": 2}),
        DaySales(TUESDAY, 3, {"EUR": 10 * EURO + 1, "USD": 5 * EURO}, {"BOOK": 1, "MUG": 1, "TEE": 5}),
        DaySales(THURSDAY, 1, {"EUR": 0}, {"BOOK": 9}),
    ]


def test_currencies_and_products_are_sorted(connection: Connection) -> None:
    [tuesday] = store.sales(connection, Period(TUESDAY, TUESDAY))

    assert list(tuesday.totals) == ["EUR", "USD"]
    assert list(tuesday.products) == ["BOOK", "MUG", "TEE"]


def test_a_period_includes_its_first_and_last_day_and_no_other(connection: Connection) -> None:
    assert [sales.day for sales in store.sales(connection, Period(MONDAY, TUESDAY))] == [MONDAY, TUESDAY]
    assert store.sales(connection, Period(date(2030, 5, 15), date(2030, 5, 15))) == []


def test_an_order_is_recorded_once(connection: Connection) -> None:
    store.record(connection, "o-1", THURSDAY, currency="EUR", nanos=99 * EURO, products={"LAMP": 9})

    assert store.sales(connection, Period(MONDAY, MONDAY)) == [DaySales(MONDAY, 1, {"EUR": 19 * EURO}, {"MUG": 2})]
