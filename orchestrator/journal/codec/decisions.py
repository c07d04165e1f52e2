"""Rows of what operators have decided."""

# ruff: noqa: D103 - each function makes or reads the row of the entry that its types name

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.journal import entries as e
from orchestrator.journal.codec.parts import detail_of, payload_of, reason_of, told
from orchestrator.journal.codec.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.reason import Reason

E = TypeVar("E")


def resolved(entry: e.OutcomeResolved) -> Row:
    detail = json.dumps({**told(entry.reason), "took_effect": entry.took_effect})
    return Row(16, entry.at, entry.key, payload=entry.reply, detail=detail)


def read_resolved(row: Row) -> e.OutcomeResolved:
    assert row.key is not None
    detail = detail_of(row)
    took_effect = detail.pop("took_effect")
    return e.OutcomeResolved(row.at, row.key, took_effect, payload_of(row), reason_of(detail))


def decided(kind: int) -> Callable[[Any], Row]:
    return lambda entry: Row(kind, entry.at, entry.key, detail=json.dumps(told(entry.reason)))


def read_decided(make: Callable[[int, str, Reason], E]) -> Callable[[Row], E]:
    def decode_decided(row: Row) -> E:
        assert row.key is not None
        return make(row.at, row.key, reason_of(detail_of(row)))

    return decode_decided


def proposed(entry: e.ActProposed) -> Row:
    return Row(40, entry.at, entry.key, detail=json.dumps({**told(entry.reason), "proposal": entry.proposal}))


def read_proposed(row: Row) -> e.ActProposed:
    assert row.key is not None
    detail = detail_of(row)
    proposal = detail.pop("proposal")
    return e.ActProposed(row.at, row.key, proposal, reason_of(detail))
