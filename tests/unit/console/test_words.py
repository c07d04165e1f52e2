"""Times, ids and numbers as people read them."""

from __future__ import annotations

import re

import pytest

from orchestrator.console.times import age, in_words, iso, local
from orchestrator.console.wording import (
    given,
    grouped,
    milliseconds,
    reason_words,
    seconds,
    short_id,
    short_method,
    without_key,
)
from orchestrator.journal.reason import ReasonCode

SECOND = 1_000_000_000
NOW = 1_795_671_604 * SECOND


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (0, "just now"),
        (9, "just now"),
        (10, "10 seconds ago"),
        (60, "1 minute ago"),
        (7_300, "2 hours ago"),
        (3 * 86_400, "3 days ago"),
        (-5, "in a moment"),
        (-90, "in 1 minute"),
    ],
)
def test_an_age_is_told_in_words(ago: int, told: str) -> None:
    assert age(NOW - ago * SECOND, NOW) == told


def test_an_instant_is_told_with_its_offset_and_for_machines_in_utc() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d", local(NOW))
    assert iso(NOW) == "2026-11-26T05:40:04Z"


def test_spans_are_told_in_the_unit_that_fits() -> None:
    assert [in_words(each) for each in (5_000_000, SECOND, 61 * SECOND)] == ["5 ms", "1 second", "1 minute"]
    assert [milliseconds(each) for each in (1_234_567, 2 * SECOND, 200 * SECOND)] == ["1.23 ms", "2 s", "3 minutes"]
    assert seconds(None) == "\N{EN DASH}"
    assert seconds(0.835) == "835 ms"


def test_ids_of_the_same_moment_are_told_apart() -> None:
    one, other = "01a2166c-e5c4-7caf-9dd4-f3c2fd26e04b", "01a2166c-e5c4-7caf-9dd4-f3c2fd26e04c"
    assert short_id(one) != short_id(other)
    assert short_id("order-1") == "order-1"


def test_names_and_messages_lose_what_is_said_beside_them() -> None:
    assert short_method("shop.payment.v1.PaymentService.CapturePayment") == "PaymentService.CapturePayment"
    assert short_method("") == ""
    assert without_key("PaymentService.AuthorizePayment#1: the card was declined") == "the card was declined"
    assert without_key("item-3/Stock.Reserve#12: gone: sold") == "gone: sold"
    assert grouped(1234567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert given({"status": "suspended", "command": ""}) == {"status": "suspended"}


def test_every_kind_of_reason_has_words() -> None:
    assert all(reason_words(code).islower() or " " in reason_words(code) for code in ReasonCode)
    assert reason_words("SOMETHING_NEW") == "something new"
