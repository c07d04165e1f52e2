"""Rows of the events that a saga publishes."""

# ruff: noqa: D103 - each function makes or reads the row of the entry that its types name

from __future__ import annotations

import json
from base64 import b64decode, b64encode

from orchestrator.journal import entries as e
from orchestrator.journal.codec.parts import detail_of, payload_of
from orchestrator.journal.codec.row import Row
from orchestrator.journal.events import HeldEvent


def published(entry: e.EventPublished) -> Row:
    at_once = {"at_once": True} if entry.at_once else {}
    detail = json.dumps({"type": entry.type, **at_once})
    return Row(35, entry.at, entry.key, payload=entry.payload, detail=detail)


def read_published(row: Row) -> e.EventPublished:
    assert row.key is not None
    detail = detail_of(row)
    return e.EventPublished(row.at, row.key, detail["type"], payload_of(row), detail.get("at_once", False))


def handed_on(entry: e.EventsHandedOn) -> Row:
    events = [{**each._asdict(), "payload": b64encode(each.payload).decode()} for each in entry.events]
    return Row(36, entry.at, entry.key, detail=json.dumps({"events": events}))


def read_handed_on(row: Row) -> e.EventsHandedOn:
    assert row.key is not None
    events = detail_of(row)["events"]
    held = tuple(HeldEvent(**{**each, "payload": b64decode(each["payload"])}) for each in events)
    return e.EventsHandedOn(row.at, row.key, held)
