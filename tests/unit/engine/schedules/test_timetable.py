"""Cron expressions, as people know them from the days on which clocks change, and those that are none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.engine.schedules.timetable import read_cron, read_zone
from orchestrator.errors import InvalidInput


def instants(expression: str, zone: str, begin: str, number: int) -> list[str]:
    cron, found = read_cron(expression, zone), []
    instant: int | None = int(datetime.fromisoformat(begin).timestamp()) * 1_000_000_000
    for _ in range(number):
        assert instant is not None
        instant = cron.after(instant)
        assert instant is not None
        found.append(f"{datetime.fromtimestamp(instant // 1_000_000_000, UTC):%d %H:%M}")
    return found


def test_a_time_that_is_left_out_starts_once_when_the_gap_ends() -> None:
    """In Berlin, 02:00 to 03:00 of the 29th of March 2026 is left out: it is 01:00 UTC when the gap ends."""
    assert instants("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", 2) == ["29 01:00", "30 00:30"]
    assert instants("10,50 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", 2) == ["29 01:00", "30 00:10"]
    assert instants("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00Z", 2) == ["04 03:00", "05 02:00"]


def test_a_time_that_comes_twice_starts_once_the_first_time() -> None:
    assert instants("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", 2) == ["25 00:30", "26 01:30"]
    assert instants("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00Z", 2) == ["04 14:45", "05 15:15"]


def test_what_follows_the_clock_starts_at_even_distances() -> None:
    hours = ["25 00:00", "25 01:00", "25 02:00"]
    assert instants("0 * * * *", "Europe/Berlin", "2026-10-24T23:30Z", 3) == hours
    assert instants("0 * * * *", "Europe/Berlin", "2026-03-29T00:30Z", 2) == ["29 01:00", "29 02:00"]


def test_an_expression_may_name_days_by_words_and_by_the_end_of_the_month() -> None:
    assert instants("0 9 L * *", "", "2026-02-01T00:00Z", 2) == ["28 09:00", "31 09:00"]
    assert instants("0 9 * * MON-FRI", "UTC", "2026-02-06T12:00Z", 1) == ["09 09:00"]


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("", "has five fields"),
        ("* * * *", "has five fields"),
        ("* * * * * *", "has five fields"),
        ("@daily", "has five fields"),
        ("60 * * * *", "bad minute"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 * 2 MON#5 extra", "has five fields"),
        ("0 0 */20 * 1L\x00", "bad day-of-week"),
        ("* * */20 * 1L", "never comes"),
    ],
)
def test_an_expression_that_is_none_is_refused_with_what_is_wrong(expression: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as refused:
        read_cron(expression, "UTC")
    assert refused.value.violations[0][0] == "schedule.cron"


@pytest.mark.parametrize("name", ["Berlin", "../../etc/passwd", "/etc/localtime", "Europe", "europe/\x00", "x" * 500])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="no time zone") as refused:
        read_zone(name)
    assert refused.value.violations[0][0] == "schedule.time_zone"
