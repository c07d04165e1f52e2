"""How the parts of a journal in a history are put together, and what an attempt costs the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.testing import ActivityEnvironment

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.bindings.binding import Bindings
from orchestrator.engine.temporal.activities import Activities
from orchestrator.engine.temporal.finding.history import joined, read_history
from orchestrator.engine.temporal.wire import read_answer, write
from orchestrator.journal.entries import Entry, SagaWoken
from orchestrator.journal.outcome import Retry
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.virtual_loop import Process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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


class OneHistory:
    """A client, and the handle of the one workflow that it knows."""

    def __init__(self, *events: HistoryEvent) -> None:
        self._events = events

    def get_workflow_handle(self, _: str) -> OneHistory:
        return self

    async def fetch_history_events(self) -> AsyncIterator[HistoryEvent]:
        for each in self._events:
            yield each


def failed_task(message: str) -> HistoryEvent:
    event = HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    event.workflow_task_failed_event_attributes.failure.message = message
    return event


@pytest.mark.parametrize(
    ("messages", "diverged"),
    [
        (["[TMPRL1100] Nondeterminism error"], "[TMPRL1100] Nondeterminism error"),
        (["[TMPRL1101] Potential deadlock detected: workflow didn't yield within 2 second(s)."], ""),
        (["[TMPRL1100] Nondeterminism error", "[TMPRL1101] Potential deadlock"], "[TMPRL1100] Nondeterminism error"),
    ],
)
async def test_a_task_that_took_too_long_is_no_sign_of_other_code(messages: list[str], diverged: str) -> None:
    client: Any = OneHistory(*map(failed_task, messages))
    assert (await read_history(client, "trip-1")).diverged == diverged


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
