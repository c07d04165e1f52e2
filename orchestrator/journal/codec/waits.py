"""Rows of what a saga waits for besides its commands, of signals, and of its waking."""

# ruff: noqa: D103 - each function makes or reads the row of the entry that its types name

from __future__ import annotations

import json

from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.codec.parts import detail_of, payload_of
from orchestrator.journal.codec.row import Row
from orchestrator.journal.waits import WaitEnd


def wait_began(entry: e.WaitBegan) -> Row:
    detail = {"signal": entry.signal, "message_type": entry.message_type, "due_at": entry.due_at}
    return Row(23, entry.at, entry.key, detail=json.dumps({name: value for name, value in detail.items() if value}))


def read_wait_began(row: Row) -> e.WaitBegan:
    assert row.key is not None
    return e.WaitBegan(row.at, row.key, **detail_of(row))


def signal_received(entry: e.SignalReceived) -> Row:
    by = entry.requested_by
    detail = {
        "request_id": entry.request_id,
        "name": entry.name,
        "message_type": entry.message_type,
        "requested_by": by.name,
    }
    detail |= {name: value for name, value in (("authority", by.authority), ("peer", by.peer)) if value}
    return Row(24, entry.at, payload=entry.payload, detail=json.dumps(detail))


def read_signal_received(row: Row) -> e.SignalReceived:
    detail = detail_of(row)
    by = Actor(detail.pop("requested_by"), detail.pop("authority", ""), detail.pop("peer", ""))
    return e.SignalReceived(row.at, payload=payload_of(row), requested_by=by, **detail)


def wait_ended(entry: e.WaitEnded) -> Row:
    detail = {"how": entry.how} | ({"request_id": entry.request_id} if entry.request_id else {})
    return Row(25, entry.at, entry.key, detail=json.dumps(detail))


def read_wait_ended(row: Row) -> e.WaitEnded:
    assert row.key is not None
    detail = detail_of(row)
    return e.WaitEnded(row.at, row.key, WaitEnd(detail["how"]), detail.get("request_id", ""))


def parked(entry: e.SagaParked) -> Row:
    return Row(26, entry.at, detail=json.dumps({"wake_at": entry.wake_at}))


def read_parked(row: Row) -> e.SagaParked:
    return e.SagaParked(row.at, detail_of(row)["wake_at"])


def woken(entry: e.SagaWoken) -> Row:
    return Row(27, entry.at, detail=json.dumps({"owner": entry.owner, "why": entry.why}))


def read_woken(row: Row) -> e.SagaWoken:
    return e.SagaWoken(row.at, **detail_of(row))
