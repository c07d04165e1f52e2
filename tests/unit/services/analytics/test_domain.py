from __future__ import annotations

from datetime import date

import pytest

from services.analytics.domain import Period, period

TODAY = date(2030, 5, 17)
MONDAY = date(2030, 5, 13)
TUESDAY = date(2030, 5, 14)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, Period(TODAY, TODAY)),
        (MONDAY, None, Period(MONDAY, TODAY)),
        (None, MONDAY, Period(MONDAY, MONDAY)),
        (MONDAY, TUESDAY, Period(MONDAY, TUESDAY)),
        (MONDAY, MONDAY, Period(MONDAY, MONDAY)),
    ],
)
def test_a_period_ends_today_and_lasts_a_day_unless_said_otherwise(
    first: date | None, last: date | None, expected: Period
) -> None:
    assert period(first, last, today=TODAY) == expected


def test_a_period_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="2030-05-14, is after the last, 2030-05-13"):
        period(TUESDAY, MONDAY, today=TODAY)


def test_a_period_cannot_begin_in_the_future_of_its_default_end() -> None:
    with pytest.raises(ValueError, match="is after the last"):
        period(date(2030, 5, 18), None, today=TODAY)
