"""A bulk act as a database keeps it: one JSON text, beside the columns by which it is found.

Text, and not a column for each field: what is due, and what has expired, is all that a store asks about a bulk act.
"""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.decisions import CommandDecision
from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga, BulkStatus, Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

_ACTORS = ("prepared_by", "started_by", "stopped_by")


def to_document(act: BulkAct) -> str:
    """All of a bulk act but its revision, which the store counts."""
    told: dict[str, Any] = {each.name: getattr(act, each.name) for each in fields(act) if each.name != "revision"}
    told["status"], told["act"] = act.status.value, act.act.name
    told["asked_for"] = base64.b64encode(act.asked_for).decode()
    told["counts"] = {answer.value: number for answer, number in act.counts.items()}
    if act.decision is not None:
        reply = act.decision.reply
        told["decision"] = act.decision._asdict() | {
            "reply": None if reply is None else base64.b64encode(reply).decode()
        }
    return json.dumps(told)


def from_document(document: str, revision: int) -> BulkAct:
    """The bulk act of a text that :func:`to_document` made."""
    told: dict[str, Any] = json.loads(document)
    told["status"], told["act"] = BulkStatus(told["status"]), Act[told["act"]]
    told["asked_for"] = base64.b64decode(told["asked_for"])
    told["counts"] = {Answer(int(answer)): number for answer, number in told["counts"].items()}
    if told["decision"] is not None:
        decision = CommandDecision(**told["decision"])
        reply = None if decision.reply is None else base64.b64decode(decision.reply)
        told["decision"] = decision._replace(reply=reply)
    definitions, attributes = told["reach"]
    told["reach"] = Reach(tuple(definitions), tuple((name, value) for name, value in attributes))
    for name in _ACTORS:
        told[name] = None if told[name] is None else Actor(*told[name])
    return BulkAct(revision=revision, **told)


def to_row(saga: BulkSaga) -> tuple[int, str, int, str, int]:
    """A saga as columns: position, saga, answer, why, and when it has answered."""
    why = json.dumps([saga.reason, saga.message]) if saga.reason or saga.message else ""
    return saga.position, saga.saga_id, saga.answer.value, why, saga.answered_at


def from_row(row: Sequence[Any]) -> BulkSaga:
    """The saga of such columns."""
    position, saga_id, answer, why, answered_at = row
    reason, message = json.loads(why) if why else ("", "")
    return BulkSaga(position, saga_id, Answer(answer), reason, message, answered_at)
