"""Reads out of a history what a sink was told: a parent tells of a child once the child has told all by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.finding.history import deltas_of, joined, opening_of
from orchestrator.engine.temporal.wire import Pieces, read, read_delta
from orchestrator.journal.outbox import outbox_of

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.journal.entries import Entry


async def has_told(client: Client, saga_id: str, sink: str) -> bool:
    """Whether a saga has told a sink all that it tells by itself. One whose workflow has ended tells no more.

    Raises:
        SagaNotFound: there is none of this id.
        JournalUnavailable: the server cannot be asked.
    """
    async with told_as_journal_errors(saga_id):
        handle = client.get_workflow_handle(saga_id)
        if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
            return True
        events = [event async for event in handle.fetch_history_events()]
    before: int | None = opening_of(events[0]).get("published", {}).get(sink)
    if before is None:
        return True  # it was started when there was no such sink
    parts: list[tuple[int, list[Entry]]] = []
    pieces, batches, told = Pieces(), set[int](), before
    for event in events:
        parts += [read_delta(whole) for data in deltas_of(event) if (whole := pieces.add(data))]
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.activity_type.name == names.PUBLISH and read(scheduled.input.payloads[0].data)["sink"] == sink:
                batches.add(event.event_id)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            completed = event.activity_task_completed_event_attributes
            if completed.scheduled_event_id in batches:
                told += int(completed.result.payloads[0].data)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:  # a person has, so one is given up
            told += event.activity_task_failed_event_attributes.scheduled_event_id in batches
    outbox = outbox_of(saga_id, joined(parts), 0, tells_life=True)
    too_large = sum(len(event.payload) > names.MOST_PAYLOAD_BYTES for event in outbox[before:])
    return told + too_large >= len(outbox)
