"""Times as they are typed on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from orchestrator.cli.filters import MoreCriteria, saga_filter
from orchestrator.cli.instants import instant_of


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-01T12:30:00+02:00", datetime(2026, 5, 1, 10, 30, tzinfo=UTC)),
        ("2026-05-01T12:30Z", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        ("2026-05-01T12:30", datetime(2026, 5, 1, 12, 30).astimezone()),
        ("2026-05-01", datetime(2026, 5, 1).astimezone()),
    ],
)
def test_an_instant_is_of_the_local_clock_unless_it_says_its_offset(text: str, instant: datetime) -> None:
    read = instant_of("--ended-after", text)

    assert read is not None
    assert read.ToDatetime(UTC) == instant


def test_some_time_ago_is_counted_from_now() -> None:
    before = datetime.now(UTC)
    read = instant_of("--ended-after", "90m")

    assert read is not None
    assert before <= read.ToDatetime(UTC) + timedelta(minutes=90) <= datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize("text", ["yesterday", "2h ago", "2026-13-01", "h", "99999999h", "0001-01-01"])
def test_what_is_no_time_is_refused_with_what_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        instant_of("--started-before", text)

    assert capsys.readouterr().err.startswith(f"error: --started-before {text}: expected some time ago, such as 2h")


def test_nothing_typed_restricts_nothing() -> None:
    assert instant_of("--ended-after", "") is None
    assert not saga_filter("", None, None).ByteSize()


def test_what_is_typed_is_what_the_api_is_asked_for() -> None:
    more = MoreCriteria(
        2, "2026-05-01T00:00Z", failed_command="AuthorizePayment", reason_code="rejected", reason="card"
    )
    where = saga_filter("", None, None, more=more)

    assert (where.version, where.failed_command, where.reason_code, where.reason) == (
        2,
        "AuthorizePayment",
        "REJECTED",
        "card",
    )
    assert where.started_from.ToDatetime(UTC) == datetime(2026, 5, 1, tzinfo=UTC)
    assert not where.HasField("ended_from")
