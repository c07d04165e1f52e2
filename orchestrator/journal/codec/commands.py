"""Rows of commands: their intents, attempts and outcomes."""

# ruff: noqa: D103 - each function makes or reads the row of the entry that its types name

from __future__ import annotations

import json

from orchestrator.contract.command import Effect
from orchestrator.journal import entries as e
from orchestrator.journal.codec.parts import attempt_of, detail_of, failed, failure_of, payload_of
from orchestrator.journal.codec.row import Row


def intended(entry: e.CommandIntended) -> Row:
    best_effort = '{"best_effort": true}' if entry.best_effort else None
    return Row(2, entry.at, entry.key, entry.method, entry.effect.value, None, None, entry.request, best_effort)


def read_intended(row: Row) -> e.CommandIntended:
    assert row.key is not None
    assert row.method is not None
    return e.CommandIntended(row.at, row.key, row.method, Effect(row.effect), payload_of(row), row.detail is not None)


def queued(entry: e.CommandQueued) -> Row:
    detail = json.dumps({"expires_at": entry.expires_at, "until": entry.until})
    return Row(32, entry.at, entry.key, None, None, entry.attempt, entry.started_at, None, detail)


def read_queued(row: Row) -> e.CommandQueued:
    return e.CommandQueued(row.at, *attempt_of(row), **detail_of(row))


def completed(entry: e.CommandCompleted) -> Row:
    return Row(3, entry.at, entry.key, None, None, entry.attempt, entry.started_at, entry.reply)


def read_completed(row: Row) -> e.CommandCompleted:
    key, attempt, started_at = attempt_of(row)
    return e.CommandCompleted(row.at, key, attempt, started_at, payload_of(row))


def attempt_failed(entry: e.AttemptFailed) -> Row:
    row = failed(5)(entry)
    return row._replace(detail=json.dumps({**entry.failure._asdict(), "harmless": True})) if entry.harmless else row


def read_attempt_failed(row: Row) -> e.AttemptFailed:
    key, attempt, started_at = attempt_of(row)
    detail = detail_of(row)
    harmless = detail.pop("harmless", False)
    return e.AttemptFailed(row.at, key, attempt, started_at, failure_of(detail), harmless)
