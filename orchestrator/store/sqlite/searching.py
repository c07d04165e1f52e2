"""What the filter of a search is in SQL, and a row of its result as a record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaRecord

if TYPE_CHECKING:
    from orchestrator.ports.catalogue import SagaFilter


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
    parts: list[tuple[str, list[Any]]] = []
    if before is not None:
        parts.append(("s.id < ?", [before]))
    if where.definition:
        parts.append(("s.definition = ?", [where.definition]))
    if where.statuses:
        marks = ", ".join("?" * len(where.statuses))
        parts.append((f"s.status IN ({marks})", [status.value for status in where.statuses]))
        if Status.COMPLETED not in where.statuses:
            parts.append(("s.status <> 3", []))  # says so to the planner: the small index holds all of these
    if where.started_from is not None:
        parts.append(("s.started_at >= ?", [where.started_from]))
    if where.started_before is not None:
        parts.append(("s.started_at < ?", [where.started_before]))
    for name, value in where.attributes:
        parts.append(("s.id IN (SELECT a.saga FROM attribute AS a WHERE a.name = ? AND a.value = ?)", [name, value]))
    if where.id_prefix:
        parts.append((_NAMED, [where.id_prefix, where.id_prefix + _LAST, len(where.id_prefix) + 1]))
    if not parts:
        return "", []
    return "WHERE " + " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def record(row: tuple[Any, ...]) -> SagaRecord:
    """The record of a row of ``search_sagas``."""
    _, saga_id, definition, version, status, digest, started_at, ended_at, attributes, sequence = row
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
    )
