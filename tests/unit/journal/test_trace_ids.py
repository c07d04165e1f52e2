"""The ids of a trace are derived, so that every replica finds the same ones."""

from __future__ import annotations

import re

import pytest

from orchestrator.journal.trace_ids import ROOT, STARTED, attempt_traceparent, parse_traceparent, span_id, trace_id

CALLER = f"00-{'a' * 32}-{'b' * 16}-01"


def test_the_trace_is_the_callers_where_there_is_one() -> None:
    assert trace_id("saga-1", CALLER) == "a" * 32


def test_a_saga_without_a_caller_has_a_trace_of_its_own_that_is_always_the_same() -> None:
    assert trace_id("saga-1", "") == trace_id("saga-1", "") == trace_id("saga-1", "nonsense")
    assert trace_id("saga-1", "") != trace_id("saga-2", "")
    assert re.fullmatch("[0-9a-f]{32}", trace_id("saga-1", ""))


def test_every_attempt_of_every_command_of_every_saga_has_a_span_of_its_own() -> None:
    spans = {
        span_id(saga, key, attempt)
        for saga in ("saga-1", "saga-2")
        for key in (ROOT, "A.B#1", "compensation:A.B#1")
        for attempt in range(1, 5)
    }

    assert len(spans) == 24
    assert all(re.fullmatch("[0-9a-f]{16}", span) for span in spans)


def test_the_ids_are_those_that_earlier_versions_have_sent() -> None:
    assert trace_id("saga-1", "") == "fc816d5b508f1010cdba7b03a71a4cae"
    assert span_id("saga-1", ROOT) == "dcee1f35078e45b7"
    assert span_id("saga-1", STARTED) == "e618caa6ab1b8c4b"
    assert span_id("saga-1", "A.B#1", 1) == "fc5ef8bffe18c86d"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"00-{'a' * 31}-{'b' * 16}-01",
        f"{CALLER}-more",
        f" {CALLER}",
    ],
)
def test_a_malformed_context_is_none(header: str) -> None:
    assert parse_traceparent(header) is None


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True)])
def test_the_caller_says_whether_its_trace_is_sampled(flags: str, *, sampled: bool) -> None:
    parsed = parse_traceparent(f"00-{'a' * 32}-{'b' * 16}-{flags}")

    assert parsed is not None
    assert parsed.sampled is sampled


def test_an_attempt_of_an_exported_saga_is_sent_with_its_own_span() -> None:
    sent = attempt_traceparent("saga-1", CALLER, sampled=True, key="A.B#1", attempt=2)

    assert sent == f"00-{'a' * 32}-{span_id('saga-1', 'A.B#1', 2)}-01"


def test_an_attempt_of_another_saga_hands_on_the_callers_context() -> None:
    assert attempt_traceparent("saga-1", CALLER, sampled=False, key="A.B#1", attempt=2) == CALLER
    assert attempt_traceparent("saga-1", "", sampled=False, key="A.B#1", attempt=2) == ""
