"""Rows of compensations."""

# ruff: noqa: D103 - each function makes or reads the row of the entry that its types name

from __future__ import annotations

from orchestrator.journal import entries as e
from orchestrator.journal.codec.parts import attempt_of
from orchestrator.journal.codec.row import Row


def began(entry: e.CompensationBegan) -> Row:
    return Row(8, entry.at, entry.key, entry.method, payload=entry.request)


def read_began(row: Row) -> e.CompensationBegan:
    assert row.key is not None
    assert row.method is not None
    return e.CompensationBegan(row.at, row.key, row.method, None if row.payload is None else bytes(row.payload))


def completed(entry: e.CompensationCompleted) -> Row:
    return Row(9, entry.at, entry.key, None, None, entry.attempt, entry.started_at)


def read_completed(row: Row) -> e.CompensationCompleted:
    return e.CompensationCompleted(row.at, *attempt_of(row))
