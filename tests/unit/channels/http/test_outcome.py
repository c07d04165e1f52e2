"""One table from HTTP statuses and problem details to outcomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.channels.http.outcome import HttpAnswer, outcome_of
from orchestrator.channels.http.problem import Problem, read_problem
from orchestrator.channels.http.status import REPLIES, TABLE, said_by
from orchestrator.channels.status import MEANINGS
from orchestrator.contract.command import Meaning, OutcomeRule
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Failure, Rejected, Retry, Unknown
from orchestrator.participant.http_answers import STATUSES, problem

KEY = "trip-1/HotelService.BookRoom#1"
RETRIED = {409, 423, 425, 429}
UNKNOWN_OF_THE_CALLER = {408, 499}


def answer(status: int, body: object = None, **headers: str) -> HttpAnswer:
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    written = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HttpAnswer(status, written, content)


@pytest.mark.parametrize("status", [status for status in range(100, 600) if status not in REPLIES])
def test_every_status_has_one_meaning(status: int) -> None:
    outcome = outcome_of(answer(status))

    if status in RETRIED:
        assert isinstance(outcome, Retry)
    elif 400 <= status < 500 and status not in UNKNOWN_OF_THE_CALLER:
        assert isinstance(outcome, Rejected)
        assert not outcome.echoed
    else:
        assert isinstance(outcome, Unknown)
        assert not outcome.final


def test_no_reply_is_in_the_table() -> None:
    assert not REPLIES & {*TABLE}


@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK])
def test_what_the_guard_and_the_chassis_write_is_read_as_the_code_that_they_meant(code: StatusCode) -> None:
    written = problem(STATUSES[code], "it is so", code=code, reason="SOLD_OUT")

    said = said_by(STATUSES[code], read_problem(json.dumps(written).encode()).code)

    assert said == (code, MEANINGS[code])


@pytest.mark.parametrize(
    ("status", "code", "means"),
    [
        (409, "ALREADY_EXISTS", (StatusCode.ALREADY_EXISTS, Meaning.REJECTED)),
        (400, "FAILED_PRECONDITION", (StatusCode.FAILED_PRECONDITION, Meaning.REJECTED)),
        (500, "FAILED_PRECONDITION", (StatusCode.INTERNAL, Meaning.UNKNOWN)),
        (404, "UNAVAILABLE", (StatusCode.NOT_FOUND, Meaning.REJECTED)),
        (503, "OK", (StatusCode.UNAVAILABLE, Meaning.UNKNOWN)),
        (501, "", (StatusCode.UNIMPLEMENTED, Meaning.UNKNOWN)),
        (422, "NO_SUCH_CODE", (StatusCode.FAILED_PRECONDITION, Meaning.REJECTED)),
    ],
)
def test_a_code_counts_where_it_fits_the_status(status: int, code: str, means: tuple[StatusCode, Meaning]) -> None:
    assert said_by(status, code) == means


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b"", Problem()),
        (b"no room\n", Problem("no room")),
        (b"<html><head></head><body><h1>No</h1> room</body></html>", Problem("No room")),
        ("ça va".encode(), Problem("ça va")),
        (b'"no room"', Problem("no room")),
        (b"[1]", Problem("[1]")),
        (b'{"error": "no room"}', Problem("no room")),
        (b'{"error": {"message": "no room", "status": "X"}}', Problem("no room")),
        (b'{"title": "Not Found", "detail": "no room", "reason": "NO_ROOM"}', Problem("no room", "", "NO_ROOM")),
        (b'{"title": "No room", "type": "about:blank"}', Problem("No room")),
        (b'{"title": "No", "type": "urn:no-room"}', Problem("No", "", "urn:no-room")),
        (b'{"detail": [{"loc": ["city"]}]}', Problem('{"detail": [{"loc": ["city"]}]}')),
        (b'{"code": 5, "reason": {}, "violations": "none", "detail": "x"}', Problem("x")),
        (b'{"detail": "x", "violations": [{"field": "city"}, 7, {}]}', Problem("x", violations=("city",))),
        (b"[" * 100_000, Problem("[" * 100_000)),
    ],
    ids=range(15),
)
def test_what_a_service_says_of_its_refusal_is_read_whatever_its_form(body: bytes, read: Problem) -> None:
    assert read_problem(body) == read


HALF = "\ud83d"
"""Of an emoji: what is left of it where JavaScript cuts a text. ``json.dumps`` writes it as JSON does."""


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (f"no {HALF}", Problem("no \N{REPLACEMENT CHARACTER}")),
        ({"error": {"message": HALF}}, Problem("\N{REPLACEMENT CHARACTER}")),
        (
            {"detail": f"no {HALF}", "reason": HALF, "violations": [{"field": f"city{HALF}"}]},
            Problem(
                "no \N{REPLACEMENT CHARACTER}",
                "",
                "\N{REPLACEMENT CHARACTER}",
                ("city\N{REPLACEMENT CHARACTER}",),
            ),
        ),
        (
            {"detail": "no \N{PILE OF POO}", "type": HALF},
            Problem("no \N{PILE OF POO}", "", "\N{REPLACEMENT CHARACTER}"),
        ),
    ],
)
def test_half_an_emoji_is_read_as_a_text_that_can_be_kept(said: object, read: Problem) -> None:
    assert read_problem(json.dumps(said).encode()) == read


def test_a_long_document_is_read_and_of_one_that_is_too_long_the_beginning_is_told() -> None:
    violations = [{"field": f"lines[{number}].quantity"} for number in range(10_000)]

    long = read_problem(json.dumps({"violations": violations, "detail": "no", "reason": "BAD"}).encode())
    assert (long.message, long.reason, len(long.violations)) == ("no", "BAD", 10_000)

    too_long = read_problem(json.dumps({"detail": "no", "padding": "x" * 10_000_000}).encode())
    assert (too_long.message[:14], too_long.reason) == ('{"detail": "no', "")
    assert len(too_long.message) < 100_000


@pytest.mark.parametrize("body", [b"<" * 10_000_000, b"<a" * 5_000_000])
def test_no_text_keeps_the_loop_busy_for_long(body: bytes) -> None:
    """To look for the end of a tag from each of its beginnings would take longer than any test may."""
    read_problem(body)


def test_a_status_that_says_nothing_itself_is_told_in_its_own_words() -> None:
    assert outcome_of(answer(404)) == Rejected(Failure(StatusCode.NOT_FOUND, "HTTP 404: Not Found"))
    assert outcome_of(answer(599)) == Unknown(Failure(StatusCode.UNKNOWN, "HTTP 599"))


def test_what_was_accepted_is_not_done() -> None:
    outcome = outcome_of(answer(HTTPStatus.ACCEPTED, {}))

    assert isinstance(outcome, Unknown)


def test_a_request_that_is_too_large_for_the_participant_is_a_rejection() -> None:
    outcome = outcome_of(answer(413))

    assert isinstance(outcome, Rejected)
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE")


@pytest.mark.parametrize(
    ("rule", "ruled"),
    [
        (OutcomeRule(StatusCode.ABORTED, "", Meaning.REJECTED), True),
        (OutcomeRule(StatusCode.ABORTED, "TAKEN", Meaning.REJECTED), True),
        (OutcomeRule(StatusCode.ABORTED, "", Meaning.REJECTED, "taken"), True),
        (OutcomeRule(StatusCode.ABORTED, "BUSY", Meaning.REJECTED), False),
        (OutcomeRule(StatusCode.RESOURCE_EXHAUSTED, "", Meaning.REJECTED), False),
    ],
)
def test_a_conflict_is_a_rejection_where_the_contract_says_so(rule: OutcomeRule, *, ruled: bool) -> None:
    outcome = outcome_of(answer(409, {"detail": "it is taken", "reason": "TAKEN"}), (rule,))

    failure = Failure(StatusCode.ABORTED, "it is taken", "TAKEN")
    assert outcome == (Rejected(failure, ruled=True) if ruled else Retry(failure))


@pytest.mark.parametrize(
    ("echo", "echoed"),
    [({}, False), ({"Idempotency_Key": KEY}, True), ({"idempotency_key": "another"}, False)],
)
def test_only_the_key_that_was_sent_is_an_echo(echo: dict[str, str], *, echoed: bool) -> None:
    outcome = outcome_of(answer(422, {"detail": "no"}, **echo), key=KEY)

    assert outcome == Rejected(Failure(StatusCode.FAILED_PRECONDITION, "no"), echoed=echoed)


def test_a_key_that_comes_twice_is_no_echo() -> None:
    twice = HttpAnswer(422, [(b"idempotency-key", KEY.encode())] * 2, b"")

    outcome = outcome_of(twice, key=KEY)

    assert isinstance(outcome, Rejected)
    assert not outcome.echoed


def _nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["field", "message", "x"]), inner, max_size=3)


def at(seconds: int) -> str:
    return format_datetime(datetime(2026, 11, 26, 9, 0, tzinfo=UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry_after": "7"}, 7),
        ({"Retry_After": "2.5"}, 2.5),
        ({"retry_after": "-1"}, 0),
        ({"retry_after": "soon"}, 0),
        ({"retry_after": "nan"}, 0),
        ({"retry_after": "inf"}, 0),
        ({"retry_after": at(9), "date": at(0)}, 9),
        ({"retry_after": at(-9), "date": at(0)}, 0),
        ({"retry_after": f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"}, 0),
        ({"retry_after": f"Mon, 01 Jan 2020 00:00:00 +{'9' * 20}"}, 0),
        ({"retry_after": "Mon, 01 Jan 0001 00:00:00 +2359", "date": "Fri, 31 Dec 9999 23:59:59 -2359"}, 0),
        ({"retry_after": "9" * 5000}, 0),
    ],
    ids=range(13),
)
def test_a_delay_is_seconds_or_an_instant_by_the_participants_clock(headers: dict[str, str], seconds: float) -> None:
    outcome = outcome_of(answer(429, **headers))

    assert isinstance(outcome, Retry)
    assert outcome.retry_after == seconds


def test_a_date_that_no_calendar_has_is_taken_for_none() -> None:
    outcome = outcome_of(answer(429, retry_after=at(-(10**8)), date=f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"))

    assert isinstance(outcome, Retry)
    assert outcome.retry_after == 0


def test_a_delay_that_is_too_long_is_cut_and_told() -> None:
    outcome = outcome_of(answer(503, {"detail": "closed"}, retry_after="86400"))

    failure = Failure(StatusCode.UNAVAILABLE, "closed (asks to wait 86400 s; asked again after 300 s)")
    assert outcome == Unknown(failure, 300)


@given(st.integers(100, 599), st.binary(max_size=200), st.text(st.characters(codec="latin-1"), max_size=20))
def test_whatever_comes_there_is_an_outcome(status: int, body: bytes, value: str) -> None:
    headers = [(name, value.encode("latin-1")) for name in (b"retry-after", b"date", b"idempotency-key", b"location")]

    assert isinstance(outcome_of(HttpAnswer(status, headers, body), key=KEY), Rejected | Retry | Unknown)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=9), _nested, max_leaves=9))
def test_whatever_json_says_there_is_an_outcome(said: object) -> None:
    assert isinstance(
        outcome_of(answer(400, {"detail": said, "code": said, "violations": said, "type": said})), Rejected
    )


def test_a_long_message_is_cut() -> None:
    outcome = outcome_of(answer(422, b"x" * 100_000))

    assert isinstance(outcome, Rejected)
    assert len(outcome.failure.message) < 5000
