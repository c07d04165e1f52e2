"""Rows of what happens to a saga as a whole, and of what its code drew from the clock or from chance."""

# ruff: noqa: D103 - each function makes or reads the row of the entry that its types name

from __future__ import annotations

import json
from typing import Any

from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.codec.parts import detail_of, payload_of
from orchestrator.journal.codec.row import Row
from orchestrator.journal.priority import Priority


def started(entry: e.SagaStarted) -> Row:
    detail: dict[str, Any] = {
        "definition": entry.definition,
        "version": entry.version,
        "traceparent": entry.traceparent,
        "sampled": entry.sampled,
        "attributes": dict(entry.attributes),
    }
    if entry.deadline_at or entry.forward_until:
        detail |= {"deadline_at": entry.deadline_at, "forward_until": entry.forward_until}
    if entry.parent_id:
        detail["parent_id"] = entry.parent_id
    if entry.started_by:
        detail["started_by"] = entry.started_by._asdict()
    return Row(1, entry.at, payload=entry.input, detail=json.dumps(detail))


def read_started(row: Row) -> e.SagaStarted:
    detail = detail_of(row)
    return e.SagaStarted(
        at=row.at,
        definition=detail["definition"],
        version=detail["version"],
        input=payload_of(row),
        traceparent=detail["traceparent"],
        sampled=detail["sampled"],
        attributes=tuple(detail["attributes"].items()),
        deadline_at=detail.get("deadline_at", 0),
        forward_until=detail.get("forward_until", 0),
        parent_id=detail.get("parent_id", ""),
        started_by=Actor(**detail["started_by"]) if "started_by" in detail else None,
    )


def recovered(entry: e.SagaRecovered) -> Row:
    return Row(11, entry.at, detail=json.dumps({"owner": entry.owner}))


def read_recovered(row: Row) -> e.SagaRecovered:
    return e.SagaRecovered(row.at, detail_of(row)["owner"])


def completed(entry: e.SagaCompleted) -> Row:
    return Row(12, entry.at, payload=entry.result)


def read_completed(row: Row) -> e.SagaCompleted:
    return e.SagaCompleted(row.at, payload_of(row))


def queued(entry: e.SagaQueued) -> Row:
    return Row(30, entry.at, detail=json.dumps({"priority": entry.priority.name, "turn_at": entry.turn_at}))


def read_queued(row: Row) -> e.SagaQueued:
    detail = detail_of(row)
    return e.SagaQueued(row.at, Priority[detail["priority"]], detail["turn_at"])


def admitted(entry: e.SagaAdmitted) -> Row:
    return Row(31, entry.at, detail=json.dumps({"owner": entry.owner}))


def read_admitted(row: Row) -> e.SagaAdmitted:
    return e.SagaAdmitted(row.at, detail_of(row)["owner"])


def recorded(entry: e.ValueRecorded) -> Row:
    return Row(21, entry.at, entry.key, detail=entry.value)


def read_recorded(row: Row) -> e.ValueRecorded:
    assert row.key is not None
    return e.ValueRecorded(row.at, row.key, row.detail or "")
