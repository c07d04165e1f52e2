"""Instants as the command line says them: in the zone of this machine, and as ages."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.cli.output.instants import age_text, aged_text, clock_text, day_text, instant_text, so_far_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC


def at(seconds: float) -> Timestamp:
    return Timestamp(seconds=NOW + int(seconds))


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.cli.output.instants.now", lambda: datetime.fromtimestamp(NOW, UTC))


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Let this machine be in a zone."""

    def set_zone(name: str) -> None:
        patched.setenv("TZ", name)
        time.tzset()

    with monkeypatch.context() as patched:
        yield set_zone
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "2027-01-15 08:00:00 UTC"),
        ("Europe/Berlin", "2027-01-15 09:00:00 +01:00"),
        ("America/St_Johns", "2027-01-15 04:30:00 -03:30"),
    ],
)
def test_an_instant_is_told_in_the_time_of_this_machine_with_its_zone(
    in_zone: Callable[[str], None], zone: str, told: str
) -> None:
    in_zone(zone)

    assert instant_text(at(0)) == told
    assert told.endswith(clock_text(at(0)))


def test_a_day_is_the_day_of_this_machine(in_zone: Callable[[str], None]) -> None:
    in_zone("Pacific/Auckland")

    assert day_text(at(12 * 3600)) == "2027-01-16 +13:00"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "just now"),
        (-1, "1 second ago"),
        (-59, "59 seconds ago"),
        (-200, "3 minutes ago"),
        (-3_600, "1 hour ago"),
        (-3 * 86_400, "3 days ago"),
        (90, "in 1 minute"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, told: str) -> None:
    assert age_text(at(seconds)) == told


def test_an_instant_is_told_with_its_age() -> None:
    assert aged_text(at(-180)) == "2027-01-15 07:57:00 UTC (3 minutes ago)"


def test_what_lasts_is_told_with_how_long_it_has_lasted() -> None:
    assert so_far_text(at(-180)) == "3 minutes so far"
    assert so_far_text(at(0)) == "no time so far"


def test_an_instant_beyond_every_calendar_is_told_all_the_same(in_zone: Callable[[str], None]) -> None:
    in_zone("America/New_York")
    first = Timestamp()
    first.FromDatetime(datetime(1, 1, 1, tzinfo=UTC))

    assert instant_text(first).startswith("0001-01-01 00:00:00") or instant_text(first).startswith("1-01-01 00:00:00")
