"""What the filter of a search is in SQL, and a row of its result as a record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, assert_never

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import (
    DefinitionIs,
    HasAttribute,
    IdBegins,
    IsQueued,
    SagaRecord,
    StartedBefore,
    StartedFrom,
    StatusIn,
)

if TYPE_CHECKING:
    from orchestrator.ports.catalogue import Criterion, SagaFilter


_LAST: Final = chr(0x10FFFF)
"""Comes after every other character."""

# A range of the index on the ids, and no scan in the order of the answer.
_NAMED: Final = (
    "s.id IN (SELECT p.id FROM saga AS p "
    "WHERE p.saga_id >= ? AND p.saga_id < ? AND instr(substr(p.saga_id, ?), '/') = 0)"
)


def conditions(where: SagaFilter, before: int | None) -> tuple[str, list[Any]]:
    """The WHERE clause of a search, and its values.

    Args:
        where: which sagas.
        before: only those that started before the saga with this number.
    """
    parts: list[tuple[str, list[Any]]] = [("s.id < ?", [before])] if before is not None else []
    parts += map(_condition, where.criteria)
    if not parts:
        return "", []
    return "WHERE " + " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _condition(criterion: Criterion) -> tuple[str, list[Any]]:  # noqa: PLR0911 - a table that the type checker reads
    """What a criterion is in SQL, and its values."""
    match criterion:
        case DefinitionIs(name):
            return "s.definition = ?", [name]
        case StatusIn(statuses):
            # The last part says to the planner that the small index holds all of these.
            also = "" if Status.COMPLETED in statuses else " AND s.status <> 3"
            return f"s.status IN ({', '.join('?' * len(statuses))}){also}", [status.value for status in statuses]
        case StartedFrom(instant):
            return "s.started_at >= ?", [instant]
        case StartedBefore(instant):
            return "s.started_at < ?", [instant]
        case HasAttribute(name, value):
            return "s.id IN (SELECT a.saga FROM attribute AS a WHERE a.name = ? AND a.value = ?)", [name, value]
        case IdBegins(prefix):
            return _NAMED, [prefix, prefix + _LAST, len(prefix) + 1]
        case IsQueued():
            return "s.turn_at IS NOT NULL", []
        case _:
            assert_never(criterion)


def record(row: tuple[Any, ...]) -> SagaRecord:
    """The record of a row of ``search_sagas``."""
    _, saga_id, definition, version, status, digest, started_at, ended_at, attributes, sequence, *due = row
    return SagaRecord(
        saga_id=saga_id,
        definition=definition,
        version=version,
        status=Status(status),
        digest=digest,
        started_at=started_at,
        ended_at=ended_at,
        attributes=tuple(json.loads(attributes).items()),
        sequence=sequence,
        wake_at=due[0],
        turn_at=due[1],
    )
