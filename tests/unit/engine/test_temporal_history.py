"""How the parts of a journal in a history are put together, and what an attempt costs the server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.testing import ActivityEnvironment

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.bindings.binding import Bindings
from orchestrator.engine.sagas import StartSaga
from orchestrator.engine.starting import started_entry
from orchestrator.engine.temporal.activities import Activities
from orchestrator.engine.temporal.finding.history import joined, read_history
from orchestrator.engine.temporal.hosting.ports import ServerClock
from orchestrator.engine.temporal.hosting.workflow import SagaWorkflow
from orchestrator.engine.temporal.names import ACT
from orchestrator.engine.temporal.wire import read_answer, taken_of, write, write_delta
from orchestrator.journal.entries import Entry, SagaWoken
from orchestrator.journal.outcome import Retry
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.virtual_loop import Process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STARTED = StartSaga("trip-1", "trip", 1, b"", b"", (), "")
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


@pytest.mark.parametrize(
    ("cause", "diverged"),
    [
        (WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR, "so it is"),
        (WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, ""),
        (WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW, ""),
    ],
)
async def test_a_task_that_the_server_gives_up_for_another_is_no_sign_of_other_code(
    cause: WorkflowTaskFailedCause.ValueType, diverged: str
) -> None:
    event = failed_task("so it is")
    event.workflow_task_failed_event_attributes.cause = cause
    client: Any = OneHistory(event)
    assert (await read_history(client, "trip-1")).diverged == diverged


def test_a_workflow_can_be_asked_nothing() -> None:
    definition = workflow._Definition.must_from_class(SagaWorkflow)
    assert not definition.queries, "a query shows the code what no task of the workflow has shown it"
    assert set(definition.updates) == {ACT}


async def test_once_a_timer_has_fired_its_time_has_come_whatever_the_workflow_is_shown() -> None:
    shown: Any = SimpleNamespace(time=lambda: 1_700_000_000.0)
    clock = ServerClock(shown)
    instant = clock.after(60.0)
    assert clock.now() < instant
    clock.has_passed(instant)
    assert clock.now() == instant
    shown.time = lambda: 1_700_000_061.0
    assert clock.now() == instant + 1_000_000_000


class HoldingBack(RecordingObserver):
    """It holds back what it has seen until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def passed_on(self, seconds: float) -> None:
        assert seconds > 0
        self.asked.set()
        await self.let.wait()


async def test_the_trace_is_told_once_the_observer_has_passed_it_on() -> None:
    observer, environment = HoldingBack(), ActivityEnvironment()
    bindings = Bindings([], NetworkConnection(ScriptedParticipants(), Process("worker")), SystemClock())
    activities = Activities(bindings, observer, SystemClock(), children=None)  # type: ignore[arg-type]
    journal = write_delta(0, [started_entry(STARTED, None, 1, 1, sampled=True)])

    telling = asyncio.ensure_future(environment.run(activities.tell, write(told=0, until=1), journal))
    await observer.asked.wait()
    assert not telling.done()
    assert [each for entries in observer.entries.values() for each in entries]
    observer.let.set()
    await telling


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


@pytest.mark.parametrize(
    ("result", "number"), [(1, 1), (3, 3), (0, 0), (4, 1), (-1, 1), (None, 1), ("done", 1), (2.5, 1)]
)
def test_what_is_no_number_of_the_events_that_were_told_stands_for_one(result: object, number: int) -> None:
    assert taken_of(result, 3) == number
