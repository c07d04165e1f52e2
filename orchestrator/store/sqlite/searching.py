"""What the filter of a search is in SQL, and a row of its result as a record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, assert_never

from orchestrator.journal.cause import lowered
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import (
    DefinitionIs,
    EndedBefore,
    EndedFrom,
    FailedCommandIs,
    HasAttribute,
    IdBegins,
    IsQueued,
    ReasonContains,
    ReasonIs,
    SagaRecord,
    StartedBefore,
    StartedFrom,
    StatusIn,
    VersionIs,
)
from orchestrator.store.causes import cause_of

if TYPE_CHECKING:
    from orchestrator.ports.catalogue import Criterion, SagaFilter


_LAST: Final = chr(0x10FFFF)
"""Comes after every other character."""

# A range of the index on the ids, and no scan in the order of the answer.
_NAMED: Final = (
    "s.id IN (SELECT p.id FROM saga AS p "
    "WHERE p.saga_id >= ? AND p.saga_id < ? AND instr(substr(p.saga_id, ?), '/') = 0)"
)


# Only of a saga that something went wrong with does a cause count. The sign keeps the planner from the index by status:
# that by causes finds fewer.
_CAUSED: Final = "+s.status IN (4, 5, 6, 7) AND s.id IN (SELECT w.saga FROM cause AS w WHERE"


def conditions(where: SagaFilter, position: int | None, *, oldest_first: bool = False) -> tuple[str, list[Any]]:
    """The WHERE and ORDER BY clauses of a search, and their values.

    Args:
        where: which sagas.
        position: the number of the saga after which the page begins; ``None`` for the first page.
        oldest_first: the order of the sagas.
    """
    beyond = "s.id > ?" if oldest_first else "s.id < ?"
    parts: list[tuple[str, list[Any]]] = [(beyond, [position])] if position is not None else []
    parts += map(_condition, where.criteria)
    clause = "WHERE " + " AND ".join(sql for sql, _ in parts) if parts else ""
    order = "ORDER BY s.id" if oldest_first else "ORDER BY s.id DESC"
    return f"{clause} {order}", [value for _, values in parts for value in values]


def _condition(criterion: Criterion) -> tuple[str, list[Any]]:  # noqa: PLR0911 - a table that the type checker reads
    """What a criterion is in SQL, and its values."""
    match criterion:
        case DefinitionIs(name):
            return "s.definition = ?", [name]
        case StatusIn(statuses):
            # The last part says to the planner that the small index holds all of these.
            also = "" if Status.COMPLETED in statuses else " AND s.status <> 3"
            return f"s.status IN ({', '.join('?' * len(statuses))}){also}", [status.value for status in statuses]
        case StartedFrom() | StartedBefore() | EndedFrom() | EndedBefore():
            return _time_condition(criterion)
        case HasAttribute(name, value):
            return "s.id IN (SELECT a.saga FROM attribute AS a WHERE a.name = ? AND a.value = ?)", [name, value]
        case IdBegins(prefix):
            return _NAMED, [prefix, prefix + _LAST, len(prefix) + 1]
        case IsQueued():
            return "s.turn_at IS NOT NULL", []
        case VersionIs(version):
            return "s.version = ?", [version]
        case FailedCommandIs() | ReasonIs() | ReasonContains():
            return _cause_condition(criterion)
        case _:
            assert_never(criterion)


def _time_condition(criterion: StartedFrom | StartedBefore | EndedFrom | EndedBefore) -> tuple[str, list[Any]]:
    match criterion:
        case StartedFrom(instant):
            return "s.started_at >= ?", [instant]
        case StartedBefore(instant):
            return "s.started_at < ?", [instant]
        case EndedFrom(instant):
            return "s.ended_at >= ?", [instant]
        case EndedBefore(instant):
            return "s.ended_at < ?", [instant]
        case _:
            assert_never(criterion)


def _cause_condition(criterion: FailedCommandIs | ReasonIs | ReasonContains) -> tuple[str, list[Any]]:
    match criterion:
        case FailedCommandIs(method):
            return f"{_CAUSED} w.command = ?)", [method]
        case ReasonIs(code):
            return f"{_CAUSED} w.code = ?)", [code]
        case ReasonContains(text):
            return f"{_CAUSED} instr(lower(w.message), ?) > 0)", [lowered(text)]
        case _:
            assert_never(criterion)


def record(row: tuple[Any, ...]) -> SagaRecord:
    """The record of a row of ``search_sagas``."""
    _, saga_id, definition, version, status, digest, started_at, ended_at, attributes, sequence, *others = row
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
        wake_at=others[0],
        turn_at=others[1],
        cause=cause_of(status, *others[2:]),
    )
