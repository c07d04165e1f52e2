"""What the filter of a search is in SQL, and a row of its result as a record."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, assert_never

from orchestrator.journal.cause import lowered
from orchestrator.journal.state import ENDED, Status
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
from orchestrator.store.postgres.groups import digest
from orchestrator.store.postgres.queries import queries
from orchestrator.store.rows.causes import cause_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from orchestrator.ports.catalogue import SagaFilter
    from orchestrator.ports.criteria import Criterion

_LAST: Final = chr(0x10FFFF)
"""Comes after every other character, in the order of code points, which is that of the ids."""

_OPEN: Final = "SELECT l.saga FROM open_saga AS l WHERE l.status"
# Only of a saga that something went wrong with does a cause count.
_CAUSED: Final = "coalesce(o.status, e.status) IN (4, 5, 6, 7)"
_LISTED: Final = "SELECT a.saga FROM attribute AS a WHERE a.digest ="

# What is beside a row is looked up for that row, and no sooner: a planner that may join as it likes reads half of a
# table in order to join a page with it.
_ITS_SAGA: Final = "JOIN LATERAL (SELECT x.* FROM saga AS x WHERE x.id = {number} OFFSET 0) AS s ON true"
_ITS_OPEN: Final = (
    "LEFT JOIN LATERAL (SELECT x.* FROM open_saga AS x WHERE x.saga_id = s.saga_id OFFSET 0) AS o ON true"
)
_ITS_END: Final = "LEFT JOIN LATERAL (SELECT x.* FROM ended_saga AS x WHERE x.saga = s.id OFFSET 0) AS e ON true"
_ITS_CAUSE: Final = "LEFT JOIN LATERAL (SELECT x.* FROM cause AS x WHERE x.saga = s.id OFFSET 0) AS f ON true"
_NO_OPEN: Final = "LEFT JOIN open_saga AS o ON false"
_NO_END: Final = "LEFT JOIN ended_saga AS e ON false"

SAGAS: Final = f"saga AS s {_ITS_OPEN} {_ITS_END} {_ITS_CAUSE}"
"""The tables of a search that a condition on the sagas narrows."""

_CAUSES: Final = f"cause AS f {_ITS_SAGA.format(number='f.saga')} {_ITS_OPEN} {_ITS_END}"

# Those of sagas that have not ended, and of sagas that have, but did not complete; each in the order of an index.
_OPEN_SAGAS: Final = f"open_saga AS o {_ITS_SAGA.format(number='o.saga')} {_NO_END} {_ITS_CAUSE} WHERE o.status ="
_ENDED_SAGAS: Final = (
    f"ended_saga AS e {_ITS_SAGA.format(number='e.saga')} {_NO_OPEN} {_ITS_CAUSE} WHERE e.status <> 3 AND e.status ="
)
_FEW_CAUSED: Final = frozenset({Status.COMPENSATING, Status.SUSPENDED})


def statement(
    where: SagaFilter, position: int | None, limit: int, *, oldest_first: bool = False
) -> tuple[str, list[Any]]:
    """A search in SQL, and its values.

    Of statuses, each is searched by itself, in the order of an index, and the first of all of them are the answer: else
    all would be read and sorted.

    Args:
        where: which sagas.
        position: the number of the saga after which the page begins; ``None`` for the first page.
        limit: how many.
        oldest_first: the order of the sagas.
    """
    values: list[Any] = [limit]
    if "\0" in where.definition + where.id_prefix + where.failed_command + where.reason_code + where.reason:
        return _select(f"{SAGAS} WHERE FALSE"), values  # no text of the database holds one, and none can be asked for
    sources, criteria = _sources(where)
    asked = "".join(f" AND {_condition(criterion, values)}" for criterion in criteria)
    beyond = "" if position is None else f" {'>' if oldest_first else '<'} {_bound(values, position)}"
    order = "" if oldest_first else " DESC"
    selects = [
        _select(f"{tables}{_of_itself(tables, asked)}{beyond and f' AND {number}{beyond}'} ORDER BY {number}{order}")
        for tables, number in sources
    ]
    if len(selects) == 1:
        return selects[0], values
    return f"{' UNION ALL '.join(f'({select})' for select in selects)} ORDER BY 1{order} LIMIT $1", values


def _of_itself(tables: str, asked: str) -> str:
    """The conditions; what the table of the sagas that have not ended holds itself is not looked up beside it."""
    if not tables.startswith("open_saga"):
        return asked
    return re.sub(r"\bs\.(definition|version|started_at)\b", r"o.\1", asked)


def _select(wanted: str) -> str:
    return queries()["search_sagas"].rstrip(";").replace("%s", wanted)


def _sources(where: SagaFilter) -> tuple[list[tuple[str, str]], Iterable[Criterion]]:
    """The tables of each search with what they are narrowed by, and the number of the saga; and what else is asked."""
    if where.attributes or where.id_prefix or where.queued:  # which an index of their own finds
        return [(f"{SAGAS} WHERE true", "s.id")], where.criteria
    has_cause = where.failed_command or where.reason_code or where.reason
    if has_cause and not (where.statuses and where.statuses <= _FEW_CAUSED):
        return [(f"{_CAUSES} WHERE true", "f.saga")], where.criteria
    if Status.COMPLETED in where.statuses or not where.statuses:
        return [(f"{SAGAS} WHERE true", "s.id")], where.criteria
    ordered = sorted(where.statuses, key=lambda status: status.value)
    sources = [
        (f"{_ENDED_SAGAS} {status.value}", "e.saga") if status in ENDED else (f"{_OPEN_SAGAS} {status.value}", "o.saga")
        for status in ordered
    ]
    return sources, replace(where, statuses=frozenset()).criteria


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
    return f"coalesce(o.status, e.status) = ANY ({_bound(values, [status.value for status in statuses])}::smallint[])"


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
