"""A schedule as a database keeps it: one JSON text, beside the columns by which it is found.

Text, and not a column for each field: what is due is all that a store asks about a schedule.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator.journal.actor import Actor
from orchestrator.ports.schedules import (
    Firing,
    Missed,
    Overlap,
    PastStart,
    Pause,
    Schedule,
    ScheduleAct,
    ScheduleActKind,
    StartOutcome,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def to_document(schedule: Schedule) -> str:
    """All of a schedule but its revision, which the store counts."""
    fields = asdict(schedule)
    del fields["revision"]
    for name in ("digest", "input"):
        fields[name] = base64.b64encode(fields[name]).decode()
    fields["overlap"], fields["missed"] = schedule.overlap.value, schedule.missed.value
    fields["firing"] = [list(each) for each in schedule.firing]
    fields["recent"] = [[*each._replace(outcome=each.outcome.value)] for each in schedule.recent]  # type: ignore[arg-type]  # as a number
    fields["acts"] = [[*each._replace(kind=each.kind.value)] for each in schedule.acts]  # type: ignore[arg-type]  # as a number
    fields["pause"] = None if schedule.pause is None else list(schedule.pause)
    return json.dumps(fields)


def from_document(document: str, revision: int) -> Schedule:
    """The schedule of a text that :func:`to_document` made."""
    fields: dict[str, Any] = json.loads(document)
    for name in ("digest", "input"):
        fields[name] = base64.b64decode(fields[name])
    fields["overlap"], fields["missed"] = Overlap(fields["overlap"]), Missed(fields["missed"])
    fields["created_by"] = Actor(*fields["created_by"])
    fields["firing"] = tuple(_firing(*each) for each in fields["firing"])
    fields["recent"] = tuple(_past(*each) for each in fields["recent"])
    fields["acts"] = tuple(_act(*each) for each in fields.get("acts", ()))
    fields["running"] = tuple(fields["running"])
    fields["pause"] = None if fields["pause"] is None else _pause(*fields["pause"])
    return Schedule(revision=revision, **fields)


def _firing(instant: int, request_id: str, by: Sequence[str] | None) -> Firing:
    return Firing(instant, request_id, None if by is None else Actor(*by))


def _pause(at: int, why: str, by: Sequence[str]) -> Pause:
    return Pause(at, why, Actor(*by))


def _act(kind: int, at: int, by: Sequence[str], why: str) -> ScheduleAct:
    return ScheduleAct(ScheduleActKind(kind), at, Actor(*by), why)


def _past(instant: int, outcome: int, *rest: Any) -> PastStart:  # noqa: ANN401 - as in the text
    return PastStart(instant, StartOutcome(outcome), *rest)
