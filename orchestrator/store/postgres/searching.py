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
from orchestrator.store.postgres.groups import digest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from orchestrator.ports.catalogue import Criterion, SagaFilter

_LAST: Final = chr(0x10FFFF)
"""Comes after every other character, in the order of code points, which is that of the ids."""

_OPEN: Final = "SELECT l.saga FROM open_saga AS l WHERE l.status"
_ENDED: Final = "SELECT l.saga FROM ended_saga AS l WHERE l.status <> 3 AND l.status"
_LISTED: Final = "SELECT a.saga FROM attribute AS a WHERE a.digest ="


def conditions(where: SagaFilter, before: int | None, limit: int) -> tuple[str, list[Any]]:
    """The WHERE clause of a search, and its values, of which the first is the limit.

    Args:
        where: which sagas.
        before: only those that started before the saga with this number.
        limit: how many.
    """
    values: list[Any] = [limit]
    if "\0" in where.definition + where.id_prefix:
        return "WHERE FALSE", values  # no text of the database holds one, and none can be asked for
    parts = [_condition(criterion, values) for criterion in where.criteria]
    if before is not None:
        parts.append(f"s.id < {_bound(values, before)}")
    return "WHERE " + " AND ".join(parts) if parts else "", values


def _condition(criterion: Criterion, values: list[Any]) -> str:  # noqa: PLR0911 - a table that the type checker reads
    """What a criterion is in SQL; its values are added."""
    match criterion:
        case DefinitionIs(name):
            return f"s.definition = {_bound(values, name)}"
        case StatusIn(statuses):
            return _has_status(statuses, values)
        case StartedFrom(instant):
            return f"s.started_at >= {_bound(values, instant)}"
        case StartedBefore(instant):
            return f"s.started_at < {_bound(values, instant)}"
        case HasAttribute(name, value):
            return f"s.id IN ({_LISTED} {_bound(values, digest(name, value))})"
        case IdBegins(prefix):
            first, after = _bound(values, prefix), _bound(values, prefix + _LAST)
            rest = _bound(values, len(prefix) + 1)
            return f"s.saga_id >= {first} AND s.saga_id < {after} AND strpos(substr(s.saga_id, {rest}), '/') = 0"
        case IsQueued():
            return f"s.id IN ({_OPEN} = 2 AND l.turn_at IS NOT NULL)"
        case _:
            assert_never(criterion)


def _has_status(statuses: Collection[Status], values: list[Any]) -> str:
    among = f"= ANY ({_bound(values, [status.value for status in statuses])}::smallint[])"
    if Status.COMPLETED in statuses:
        return f"coalesce(o.status, e.status) {among}"
    # All of these are in the small table, or in the small index.
    return f"s.id IN ({_OPEN} {among} UNION ALL {_ENDED} {among})"


def _bound(values: list[Any], value: object) -> str:
    values.append(value)
    return f"${len(values)}"


def record(row: Sequence[Any]) -> SagaRecord:
    """The record of a row of ``search_sagas``."""
    _, saga_id, definition, version, status, digest_of_start, started_at, ended_at, attributes, sequence, *due = row
    return SagaRecord(
        saga_id=saga_id,
        definition=definition,
        version=version,
        status=Status(status),
        digest=digest_of_start,
        started_at=started_at,
        ended_at=ended_at,
        attributes=tuple(json.loads(attributes).items()),
        sequence=sequence,
        wake_at=due[0],
        turn_at=due[1],
    )
