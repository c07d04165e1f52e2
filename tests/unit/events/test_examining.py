"""What doctor says of sinks: who is not told, who takes nothing, whom nobody wants any more."""

from __future__ import annotations

import pytest

from orchestrator.events.examining import examine_sinks
from orchestrator.ports.findings import Severity
from orchestrator.ports.outbox import SinkRecord

NOW = 1_000_000_000_000
WELL = SinkRecord("billing", 9, "replica-1", NOW, 0, None, 0, 0, None, "")


def test_sinks_that_take_everything_are_fine() -> None:
    (finding,) = examine_sinks([WELL], {"billing"}, ["place_order"], NOW)
    assert (finding.severity, finding.what) == (Severity.FINE, "1 sink takes all events")
    (finding,) = examine_sinks([], set(), [], NOW)
    assert finding.severity is Severity.FINE


@pytest.mark.parametrize(
    ("sink", "what"),
    [
        (WELL._replace(name="old"), "it is not in the settings"),
        (WELL._replace(failing_since=NOW - 60_000_000_000, error="500"), "it has taken nothing for 60 s: 500"),
        (WELL._replace(behind=2, oldest_at=NOW - 400_000_000_000), "it is 2 events behind, the oldest 400 s old"),
        (WELL._replace(dead=1), "1 event given up"),
    ],
)
def test_what_is_wrong_with_a_sink_is_said_with_what_to_do(sink: SinkRecord, what: str) -> None:
    (finding,) = examine_sinks([sink], {"billing"}, [], NOW)

    assert finding.severity is Severity.WARNING
    assert finding.about == f"sink {sink.name}"
    assert what in finding.what
    assert finding.advice


def test_of_a_sink_that_takes_nothing_it_is_said_what_can_be_given_up() -> None:
    (finding,) = examine_sinks([WELL._replace(failing_since=NOW, error="401")], {"billing"}, [], NOW)

    assert "what it refuses for too long is given up" in finding.advice


def test_a_saga_that_publishes_where_nobody_is_told_is_named() -> None:
    (finding,) = examine_sinks([], set(), ["place_order"], NOW)

    assert finding.what == "place_order publishes events, and nobody is told"
