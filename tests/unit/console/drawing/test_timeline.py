"""The time of a saga as a picture: to scale where something happens, with a break where nothing does."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.console.drawing.spans import in_words
from orchestrator.console.drawing.timeline import timeline_svg
from orchestrator.console.drawing.timeline_rows import happenings
from orchestrator.console.drawing.timeline_scale import Scale
from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal import entries as e
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.outcome import Failure
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.waits import WaitEnd

if TYPE_CHECKING:
    from collections.abc import Sequence

MS = 1_000_000
DAY = 86_400_000 * MS
START = 1_790_000_000_000_000_000
PAY = "Shop.Pay#1"
BUSY = Failure(StatusCode.UNAVAILABLE, "busy")
WHY = Reason(ReasonCode.COMPENSATION_REJECTED, "no", PAY)
STARTED = e.SagaStarted(START, "buy", 1, b"")
INTENDED = e.CommandIntended(START + MS, PAY, "shop.v1.Shop.Pay", Effect.COMPENSABLE, b"")
FAILED = e.AttemptFailed(START + 3 * MS, PAY, 1, START + 2 * MS, BUSY)
PAID = e.CommandCompleted(START + 9 * MS, PAY, 2, START + 8 * MS, b"")


def spans(
    entries: Sequence[e.Entry], now: int, backing_off: frozenset[str] = frozenset()
) -> list[tuple[str, int, int]]:
    """The spans of all rows, in milliseconds since the start."""
    rows = happenings(entries, now, backing_off).rows
    return [(span.kind, (span.start - START) // MS, (span.end - START) // MS) for row in rows for span in row.spans]


def classes(svg: str) -> list[str]:
    return [each.get("class", "") for each in ET.fromstring(svg).iter()]


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_an_attempt_a_backoff_and_the_attempt_after_it_follow_one_another() -> None:
    ended = e.SagaCompleted(START + 10 * MS, b"")

    assert spans([STARTED, INTENDED, FAILED, PAID, ended], 0) == [
        ("in-doubt", 2, 3),
        ("backoff", 3, 8),
        ("done", 8, 9),
    ]


def test_what_is_under_way_reaches_to_now() -> None:
    assert spans([STARTED, INTENDED], START + 7 * MS) == [("in-progress", 1, 7)]


def test_what_waits_for_its_next_attempt_backs_off_until_now() -> None:
    found = spans([STARTED, INTENDED, FAILED], START + 7 * MS, frozenset({PAY}))

    assert found == [("in-doubt", 2, 3), ("backoff", 3, 7)]


def test_what_is_in_doubt_reaches_to_the_suspension_and_no_further() -> None:
    suspended = e.SagaSuspended(START + 5 * MS, WHY)
    told = happenings([STARTED, INTENDED, FAILED, suspended], START + 90 * MS, frozenset())

    assert [(span.kind, span.end) for row in told.rows for span in row.spans][-1] == ("in-doubt", suspended.at)
    assert [(band.kind, band.start, band.end) for band in told.bands] == [("suspended", suspended.at, START + 90 * MS)]


def test_a_compensation_has_a_row_of_its_own() -> None:
    entries: list[e.Entry] = [
        STARTED,
        INTENDED,
        PAID,
        e.RollbackBegan(START + 10 * MS, WHY),
        e.CompensationBegan(START + 11 * MS, PAY, "shop.v1.Shop.Refund", b""),
        e.AttemptFailed(START + 13 * MS, compensation_key(PAY), 1, START + 12 * MS, BUSY, harmless=True),
        e.CompensationCompleted(START + 20 * MS, PAY, 2, START + 18 * MS),
        e.SagaCompensated(START + 21 * MS),
    ]
    rows = happenings(entries, 0, frozenset()).rows

    assert [(row.kind, row.label) for row in rows] == [("command", "Pay"), ("compensation", "Refund of Pay")]
    assert [span.kind for span in rows[1].spans] == ["failed", "backoff", "done"]
    assert "mark back" in classes(timeline_svg(entries, 0))


def test_a_wait_reaches_from_its_beginning_to_its_end() -> None:
    waits: list[e.Entry] = [
        e.WaitBegan(START + 2 * MS, "signal:paid#1", "paid", "shop.v1.Paid"),
        e.WaitEnded(START + 40 * MS, "signal:paid#1", WaitEnd.LEFT),
        e.WaitBegan(START + 50 * MS, "sleep#1", due_at=START + DAY),
    ]

    assert spans([STARTED, *waits], START + 60 * MS) == [("wait", 2, 40), ("wait", 50, 60)]


def test_what_an_operator_decided_is_a_point_in_its_row() -> None:
    suspended = e.SagaSuspended(START + 5 * MS, WHY)
    resolved = e.OutcomeResolved(START + 6 * MS, PAY, True, b"", Reason(ReasonCode.RESOLVED, "seen", PAY, "ada"))
    rows = happenings([STARTED, INTENDED, FAILED, suspended, resolved], START + 9 * MS, frozenset()).rows

    assert rows[0].spans[-1].hint == "ada decided: seen"


def test_two_idle_days_are_a_break_with_their_length() -> None:
    later = START + 2 * DAY + 10_800_000 * MS
    waits: list[e.Entry] = [
        e.WaitBegan(START + 10 * MS, "sleep#1", due_at=later),
        e.WaitEnded(later, "sleep#1", WaitEnd.DUE),
    ]
    svg = timeline_svg([STARTED, INTENDED, FAILED, PAID, *waits, e.SagaCompleted(later + MS, b"")], 0)

    assert "2 days, 3 hours" in texts(svg)
    assert classes(svg).count("break") == 1


def test_an_attempt_is_drawn_to_scale_however_long_it_took() -> None:
    slow = e.CommandCompleted(START + 60_000 * MS, PAY, 2, START + 10 * MS, b"")
    svg = timeline_svg([STARTED, INTENDED, FAILED, slow, e.SagaCompleted(START + 60_001 * MS, b"")], 0)

    assert "break" not in classes(svg)


def test_a_millisecond_has_a_scale_and_no_break() -> None:
    quick: list[e.Entry] = [STARTED, e.SagaCompleted(START + MS, b"")]
    svg = timeline_svg(quick, 0)

    assert "break" not in classes(svg)
    assert any("µs" in text for text in texts(svg))
    assert "took 1 ms" in texts(svg)


def test_hundreds_of_commands_have_a_row_each_and_more_are_counted() -> None:
    entries: list[e.Entry] = [STARTED]
    for number in range(600):
        at = START + number * MS
        entries.append(e.CommandIntended(at, f"item-{number}/Shop.Pay#1", "shop.v1.Shop.Pay", Effect.COMPENSABLE, b""))
    svg = timeline_svg(entries, START + 700 * MS)

    assert len([name for name in classes(svg) if name == "row command"]) == 500
    assert "100 more rows are not drawn" in texts(svg)


def test_a_saga_that_has_only_begun_is_drawn() -> None:
    svg = timeline_svg([STARTED], START)

    assert "now" in texts(svg)
    assert ET.fromstring(svg).get("role") == "img"


def test_a_participant_that_is_down_is_shown_as_a_backoff() -> None:
    down = Waiting(WaitReason.PARTICIPANT_DOWN, PAY, "shop.v1.Shop", 2, 1, 2, None)

    assert "span backoff" in classes(timeline_svg([STARTED, INTENDED, FAILED], START + 7 * MS, waiting=[down]))


def test_a_clock_that_was_set_back_breaks_no_picture() -> None:
    earlier = e.CommandCompleted(START - DAY, PAY, 1, START - DAY - MS, b"")

    ET.fromstring(timeline_svg([STARTED, INTENDED, earlier], START + MS))


@given(st.lists(st.integers(0, 10 * DAY), min_size=1, max_size=40))
def test_later_instants_are_never_further_to_the_left(times: list[int]) -> None:
    scale = Scale(times, [], 100.0)
    places = [scale.x(at) for at in sorted(times)]

    assert places == sorted(places)
    assert all(scale.left <= x <= scale.right for x in places)
    assert len(scale.breaks) <= 8


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (0, "0 ms"),
        (250_000, "250 µs"),
        (1_500_000, "1.5 ms"),
        (12_700_000, "12 ms"),
        (1_250 * MS, "1.2 s"),
        (65_000 * MS, "1 minute, 5 seconds"),
        (60_000 * MS, "1 minute"),
        (2 * DAY + 10_800_000 * MS, "2 days, 3 hours"),
        (2 * DAY + 5_000 * MS, "2 days"),
        (-5, "0 ms"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(span: int, said: str) -> None:
    assert in_words(span) == said
