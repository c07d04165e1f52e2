"""What the filter of a search is in SQL, and a row of its result as a record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, assert_never

from orchestrator.journal.cause import lowered
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaRecord
from orchestrator.ports.criteria import (
    DefinitionIs,
    EndedBefore,
    EndedFrom,
    FailedCommandIs,
    HasAttribute,
    IdBegins,
    IsQueued,
    ReasonContains,
    ReasonIs,
    StartedBefore,
    StartedFrom,
    StatusIn,
    VersionIs,
)
from orchestrator.store.rows.causes import cause_of
from orchestrator.store.sqlite.queries import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.catalogue import SagaFilter
    from orchestrator.ports.criteria import Criterion


_LAST: Final = chr(0x10FFFF)
"""Comes after every other character."""

# A range of the index on the ids, and no scan in the order of the answer.
_NAMED: Final = (
    "s.id IN (SELECT p.id FROM saga AS p "
    "WHERE p.saga_id >= ? AND p.saga_id < ? AND instr(substr(p.saga_id, ?), '/') = 0)"
)

SAGAS: Final = "saga AS s LEFT JOIN cause AS f ON f.saga = s.id"
"""The tables of a search that a condition on the sagas narrows."""

# In this order: the causes in the order of the answer, and of each its saga.
_CAUSES: Final = "cause AS f CROSS JOIN saga AS s ON s.id = f.saga"
_FEW_CAUSED: Final = frozenset({Status.COMPENSATING, Status.SUSPENDED})


def statement(
    where: SagaFilter, position: int | None, limit: int, *, oldest_first: bool = False
) -> tuple[str, list[Any]]:
    """A search in SQL, and its values.

    SQLite keeps no statistics of a journal, so what narrows the search the most is said here. Of several statuses each
    is searched by itself, in the order of the index, and the first of all of them are the answer: else all would be
    read and sorted.

    Args:
        where: which sagas.
        position: the number of the saga after which the page begins; ``None`` for the first page.
        limit: how many.
        oldest_first: the order of the sagas.
    """
    order = "" if oldest_first else " DESC"
    parts, values = [], list[Any]()
    for each in _by_status(where):
        sql, of_one = _select(each, position, oldest_first=oldest_first)
        parts.append(sql)
        values += [*of_one, limit]
    if len(parts) == 1:
        return parts[0], values
    union = " UNION ALL ".join("SELECT * FROM (" + part.rstrip(";") + ")" for part in parts)  # noqa: S608 - no value
    return f"{union} ORDER BY 1{order} LIMIT ?", [*values, limit]


def _by_status(where: SagaFilter) -> Sequence[SagaFilter]:
    if Status.COMPLETED in where.statuses or len(where.statuses) < 2 or _is_narrow(where):  # noqa: PLR2004 - several
        return [where]
    ordered = sorted(where.statuses, key=lambda status: status.value)
    return [replace(where, statuses=frozenset({status})) for status in ordered]


def _is_narrow(where: SagaFilter) -> bool:
    """What it asks for is found by an index of its own, and is little."""
    return bool(where.attributes or where.id_prefix or where.queued)


def _select(where: SagaFilter, position: int | None, *, oldest_first: bool) -> tuple[str, list[Any]]:
    has_cause = bool(where.failed_command or where.reason_code or where.reason)
    by_cause = has_cause and not _is_narrow(where) and not (where.statuses and where.statuses <= _FEW_CAUSED)
    tables, number = (_CAUSES, "f.saga") if by_cause else (SAGAS, "s.id")
    beyond = f"{number} {'>' if oldest_first else '<'} ?"
    parts: list[tuple[str, list[Any]]] = [(beyond, [position])] if position is not None else []
    parts += map(_condition, where.criteria)
    if has_cause:  # only of a saga that something went wrong with does a cause count
        parts.append(("+s.status IN (4, 5, 6, 7)", []))
    clause = " WHERE " + " AND ".join(sql for sql, _ in parts) if parts else ""
    wanted = f"{tables}{clause} ORDER BY {number}{'' if oldest_first else ' DESC'}"
    # A sign keeps the planner from an index, where another one finds less.
    if not by_cause:
        wanted = wanted.replace("f.command = ?", "+f.command = ?")
    if where.statuses and Status.COMPLETED not in where.statuses:
        wanted = wanted.replace("s.definition = ?", "+s.definition = ?")
    return queries()["search_sagas"].replace("%s", wanted), [value for _, values in parts for value in values]


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
            return "f.command = ?", [method]
        case ReasonIs(code):
            return "f.code = ?", [code]
        case ReasonContains(text):
            return "instr(lower(f.message), ?) > 0", [lowered(text)]
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
