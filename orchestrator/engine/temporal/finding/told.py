"""Reads out of a history what a sink was told: a parent tells of a child once the child has told all by itself.

One event follows another. So where a sink is asked to take one, all before it are over: told, passed over by a person,
or too large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.converter import PayloadConverter

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.finding.history import HistoryFold, opening_of
from orchestrator.engine.temporal.wire import read, read_events, taken_of
from orchestrator.journal.outbox import outbox_of

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent
    from temporalio.client import Client


async def has_told(client: Client, saga_id: str, sink: str) -> bool:
    """Whether a saga has told a sink all that it tells by itself. One whose workflow has ended tells no more.

    Raises:
        SagaNotFound: there is none of this id.
        JournalUnavailable: the server cannot be asked.
    """
    folded, asked = HistoryFold(saga_id), _Asked(sink)
    async with told_as_journal_errors(saga_id):
        handle = client.get_workflow_handle(saga_id)
        if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
            return True
        async for event in handle.fetch_history_events():
            folded.add(event)
            asked.add(event)
    if asked.told is None:
        return True  # it was started when there was no such sink
    left = outbox_of(saga_id, folded.read.entries, 0, tells_life=True)[asked.told :]
    return all(len(event.payload) > names.MOST_PAYLOAD_BYTES for event in left)


class _Asked:
    """How far a sink was told, as the events of a history say one after another.

    Args:
        sink: its name.

    Attributes:
        told: how many of the saga's events are over; ``None`` where the saga does not know the sink.
    """

    def __init__(self, sink: str) -> None:
        self.told: int | None = None
        self._sink = sink
        self._batch = 0
        self._scheduled = 0

    def add(self, event: HistoryEvent) -> None:
        """What the next event says."""
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                self.told = opening_of(event).get("published", {}).get(self._sink)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled = event.activity_task_scheduled_event_attributes
                if scheduled.activity_type.name == names.PUBLISH:
                    about, events, _ = scheduled.input.payloads
                    if read(about.data)["sink"] == self._sink:
                        batch = read_events(events.data)
                        self.told, self._batch, self._scheduled = batch[0].position - 1, len(batch), event.event_id
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                completed = event.activity_task_completed_event_attributes
                if completed.scheduled_event_id == self._scheduled and self.told is not None:
                    result = PayloadConverter.default.from_payloads(completed.result.payloads)
                    self.told += taken_of(result[0] if result else None, self._batch)
