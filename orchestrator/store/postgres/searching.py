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
from orchestrator.store.postgres.groups import digest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from orchestrator.ports.catalogue import Criterion, SagaFilter

_LAST: Final = chr(0x10FFFF)
"""Comes after every other character, in the order of code points, which is that of the ids."""

_OPEN: Final = "SELECT l.saga FROM open_saga AS l WHERE l.status"
_ENDED: Final = "SELECT l.saga FROM ended_saga AS l WHERE l.status <> 3 AND l.status"
# Only of a saga that something went wrong with does a cause count.
_CAUSED: Final = "coalesce(o.status, e.status) IN (4, 5, 6, 7)"
_LISTED: Final = "SELECT a.saga FROM attribute AS a WHERE a.digest ="


def conditions(
    where: SagaFilter, position: int | None, limit: int, *, oldest_first: bool = False
) -> tuple[str, list[Any]]:
    """The WHERE and ORDER BY clauses of a search, and their values, of which the first is the limit.

    Args:
        where: which sagas.
        position: the number of the saga after which the page begins; ``None`` for the first page.
        limit: how many.
        oldest_first: the order of the sagas.
    """
    values: list[Any] = [limit]
    if "\0" in where.definition + where.id_prefix + where.failed_command + where.reason_code + where.reason:
        return "WHERE FALSE", values  # no text of the database holds one, and none can be asked for
    parts = [_condition(criterion, values) for criterion in where.criteria]
    if position is not None:
        parts.append(f"s.id {'>' if oldest_first else '<'} {_bound(values, position)}")
    clause = "WHERE " + " AND ".join(parts) if parts else ""
    return f"{clause} ORDER BY s.id{'' if oldest_first else ' DESC'}", values


def _condition(criterion: Criterion, values: list[Any]) -> str:  # noqa: PLR0911 - a table that the type checker reads
    """What a criterion is in SQL; its values are added."""
    match criterion:
        case DefinitionIs(name):
            return f"s.definition = {_bound(values, name)}"
        case StatusIn(statuses):
            return _has_status(statuses, values)
        case StartedFrom() | StartedBefore() | EndedFrom() | EndedBefore():
            return _time_condition(criterion, values)
        case HasAttribute(name, value):
            return f"s.id IN ({_LISTED} {_bound(values, digest(name, value))})"
        case IdBegins(prefix):
            first, after = _bound(values, prefix), _bound(values, prefix + _LAST)
            rest = _bound(values, len(prefix) + 1)
            return f"s.saga_id >= {first} AND s.saga_id < {after} AND strpos(substr(s.saga_id, {rest}), '/') = 0"
        case IsQueued():
            return f"s.id IN ({_OPEN} = 2 AND l.turn_at IS NOT NULL)"
        case VersionIs(version):
            return f"s.version = {_bound(values, version)}"
        case FailedCommandIs() | ReasonIs() | ReasonContains():
            return _cause_condition(criterion, values)
        case _:
            assert_never(criterion)


def _time_condition(criterion: StartedFrom | StartedBefore | EndedFrom | EndedBefore, values: list[Any]) -> str:
    match criterion:
        case StartedFrom(instant):
            return f"s.started_at >= {_bound(values, instant)}"
        case StartedBefore(instant):
            return f"s.started_at < {_bound(values, instant)}"
        case EndedFrom(instant):
            return f"coalesce(o.ended_at, e.ended_at) >= {_bound(values, instant)}"
        case EndedBefore(instant):
            return f"coalesce(o.ended_at, e.ended_at) < {_bound(values, instant)}"
        case _:
            assert_never(criterion)


def _cause_condition(criterion: FailedCommandIs | ReasonIs | ReasonContains, values: list[Any]) -> str:
    match criterion:
        case FailedCommandIs(method):
            return f"{_CAUSED} AND f.command = {_bound(values, method)}"
        case ReasonIs(code):
            return f"{_CAUSED} AND f.code = {_bound(values, code)}"
        case ReasonContains(text):
            return f"{_CAUSED} AND strpos(lower(f.message), {_bound(values, lowered(text))}) > 0"
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
    _, saga_id, definition, version, status, digest_of_start, started_at, ended_at, attributes, sequence, *others = row
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
        wake_at=others[0],
        turn_at=others[1],
        cause=cause_of(status, *others[2:]),
    )
