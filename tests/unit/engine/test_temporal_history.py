"""How the parts of a journal in a history are put together, and what an attempt costs the server."""

from __future__ import annotations

import pytest
from temporalio.testing import ActivityEnvironment

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.bindings.binding import Bindings
from orchestrator.engine.temporal.activities import Activities
from orchestrator.engine.temporal.finding.history import joined
from orchestrator.engine.temporal.wire import read_answer, write
from orchestrator.journal.entries import Entry, SagaWoken
from orchestrator.journal.outcome import Retry
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.virtual_loop import Process

ENTRIES: list[Entry] = [SagaWoken(number, "temporal", "timer") for number in range(5)]


@pytest.mark.parametrize(
    ("parts", "number"),
    [
        pytest.param([(0, ENTRIES[:2]), (2, ENTRIES[2:])], 5, id="in order"),
        pytest.param([(0, ENTRIES[:2]), (4, ENTRIES[4:]), (2, ENTRIES[2:4])], 5, id="a later one came first"),
        pytest.param([(0, ENTRIES[:3]), (1, ENTRIES[1:])], 5, id="they overlap"),
        pytest.param([(0, ENTRIES[:4]), (1, ENTRIES[1:2])], 4, id="one says nothing new"),
        pytest.param([(0, ENTRIES[:2]), (3, ENTRIES[3:])], 2, id="one is missing"),
    ],
)
def test_parts_of_a_journal_are_joined_up_to_one_that_is_missing(
    parts: list[tuple[int, list[Entry]]], number: int
) -> None:
    assert joined(parts) == ENTRIES[:number]


async def test_an_attempt_that_is_answered_at_once_sends_no_heartbeat() -> None:
    beats: list[object] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = beats.append
    bindings = Bindings([], NetworkConnection(ScriptedParticipants(), Process("worker")), SystemClock())
    activities = Activities(bindings, RecordingObserver(), SystemClock(), children=None)  # type: ignore[arg-type]

    about = write(method="shop.Shop.Sell", metadata=[], timeout=1.0)
    answered = read_answer(await environment.run(activities.send_command, about, b"", b""))

    assert isinstance(answered.outcome, Retry), "nobody serves that"
    assert beats == []
