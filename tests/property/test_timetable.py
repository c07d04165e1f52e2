"""The instants of cron expressions where clocks are put forward and back, beside a clock that is read each minute.

The zones change in different ways: by an hour, by half an hour, at midnight, and for a month of the moon.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engine.schedules.timetable import read_cron

ZONES: Final = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # by half an hour
    "America/Sao_Paulo",  # at midnight, until 2019
    "Africa/Casablanca",  # back before Ramadan, and forward after it
)
MINUTE: Final = timedelta(minutes=1)
BEFORE: Final = timedelta(hours=20)
WINDOW: Final = timedelta(hours=30)

MINUTES: Final = ("*", "*/15", "*/7", "0", "30", "59", "0,30", "10-20", "5-50/15")
HOURS: Final = ("*", "*/2", "0", "1", "2", "3", "0-3", "1,2", "23", "2,23")
DAYS: Final = ("*", "*", "*", "1", "L", "*/2", "20-31")
WEEKDAYS: Final = ("*", "*", "SUN", "SAT,SUN", "MON-FRI")
expressions = st.tuples(
    st.sampled_from(MINUTES), st.sampled_from(HOURS), st.sampled_from(DAYS), st.just("*"), st.sampled_from(WEEKDAYS)
).map(" ".join)


@cache
def changes(zone: str) -> list[datetime]:
    """When the clocks of a zone are put forward or back, to the hour before."""
    place, found = ZoneInfo(zone), []
    hours = [datetime(2005, 1, 1, tzinfo=UTC) + timedelta(hours=number) for number in range(25 * 366 * 24)]
    for one, other in pairwise(hours[:: 24 * 7]):
        if one.astimezone(place).utcoffset() != other.astimezone(place).utcoffset():
            within = [one + timedelta(hours=number) for number in range(24 * 7 + 1)]
            found += [
                before
                for before, after in pairwise(within)
                if before.astimezone(place).utcoffset() != after.astimezone(place).utcoffset()
            ]
    return found


def shown(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone))


def read_each_minute(expression: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """What the rules say of an expression, by reading the clock on the wall every minute. The begin is left out."""
    first, last = (shown(each, zone).replace(tzinfo=None) for each in (begin, end))
    matching = set()
    for time in CronSim(expression, first - timedelta(days=2)):
        if time > last + timedelta(days=2):
            break
        matching.add(time)
    follows = any(field.startswith("*") for field in expression.split()[:2])
    found, now = [], begin
    while now < end:
        before, now = shown(now, zone), now + MINUTE
        wall = shown(now, zone).replace(tzinfo=None, fold=0)
        missing = before.replace(tzinfo=None, fold=0) + MINUTE
        left_out = False
        while missing < wall:
            left_out |= missing in matching
            missing += MINUTE
        comes = wall in matching and (follows or shown(now, zone).fold == 0)
        if comes or (left_out and not follows):
            found.append(now)
    return found


def instants(expression: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    cron, found = read_cron(expression, zone), []
    instant = cron.after(nanoseconds(begin))
    while instant is not None and instant <= nanoseconds(end):
        found.append(datetime.fromtimestamp(instant // 1_000_000_000, UTC))
        instant = cron.after(instant)
    return found


def nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000_000


@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
def test_around_every_change_of_the_clocks_the_instants_are_those_that_the_rules_name(
    zone: str, data: st.DataObject
) -> None:
    begin = data.draw(st.sampled_from(changes(zone))) - BEFORE + data.draw(st.integers(0, 1600)) * MINUTE
    expression = data.draw(expressions)

    expected = read_each_minute(expression, zone, begin, begin + WINDOW)
    assert instants(expression, zone, begin, begin + WINDOW) == expected


@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
def test_the_latest_instants_of_a_span_are_its_last_ones(zone: str, data: st.DataObject) -> None:
    begin = data.draw(st.sampled_from(changes(zone))) - BEFORE
    end = begin + data.draw(st.integers(1, 2400)) * MINUTE
    expression, most = data.draw(expressions), data.draw(st.integers(1, 20))

    latest = read_cron(expression, zone).latest(nanoseconds(begin), nanoseconds(end), most)
    assert latest == [nanoseconds(each) for each in instants(expression, zone, begin, end)[-most:]]


@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
def test_a_daily_time_comes_once_on_every_day_and_an_hourly_one_once_in_every_hour(
    zone: str, data: st.DataObject
) -> None:
    begin = data.draw(st.sampled_from(changes(zone))) - timedelta(days=3)
    minute, hour = data.draw(st.integers(0, 59)), data.draw(st.integers(0, 23))
    days = [shown(each, zone).date() for each in instants(f"{minute} {hour} * * *", zone, begin, begin + 10 * BEFORE)]
    assert all(other - one == timedelta(days=1) for one, other in pairwise(days))

    hourly = instants("0 * * * *", zone, begin, begin + 10 * BEFORE)
    assert all(timedelta(0) < other - one <= timedelta(minutes=90) for one, other in pairwise(hourly))


def test_a_change_of_the_clocks_is_known_of_every_zone() -> None:
    assert all(len(changes(zone)) >= 20 for zone in ZONES)
