"""Which sagas a filter of the API is about: those of the journal, or those of any replica that wait.

A filter that finds nothing and names what does not exist is a mistake in writing, and refused as one.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.api.requests import saga_filter
from orchestrator.engine.sagas import WaitReason
from orchestrator.errors import InvalidInput
from orchestrator.journal.entries import SagaSuspended
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.engine.sagas import Sagas, Waiting
    from orchestrator.journal.reason import Reason
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaFilter
    from saga.v1 import saga_service_pb2 as api


_JOURNALLED: Final = frozenset(
    reason.value for reason in (WaitReason.TIMER, WaitReason.SIGNAL, WaitReason.QUEUED, WaitReason.ANSWER)
)
"""What the code of a saga waits for, and that it is queued, is in the journal, wherever the saga is."""


async def find_sagas(
    sagas: Sagas, request: api.SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
) -> tuple[list[SagaRecord], str]:
    """A page of the sagas that a filter matches, the newest first, and the token of the next page.

    Raises:
        InvalidInput: nothing matches, and the filter names a definition or an attribute that does not exist; or a
            failed command that is none.
    """
    where = wanted(sagas, request)
    if request.waiting_for and _JOURNALLED.issuperset(request.waiting_for):
        found, token = await _journalled(sagas, request, where, limit, page_token, oldest_first=oldest_first)
    elif _JOURNALLED.intersection(request.waiting_for):
        message = "timers, signals, answers and the queue cannot be asked for together with other reasons"
        raise InvalidInput(("filter.waiting_for", message))
    elif request.waiting_for and oldest_first:
        raise InvalidInput(
            ("oldest_first", "only timers, signals, answers and the queue can be listed the oldest first")
        )
    elif request.waiting_for:
        found, token = await _waiting(sagas, request, where, limit, page_token)
    else:
        found, token = await sagas.search(where, limit, page_token, oldest_first=oldest_first)
    if not found and not page_token:
        await refuse_unknown(sagas, where)
    return found, token


def wanted(sagas: Sagas, request: api.SagaFilter) -> SagaFilter:
    """Which sagas a request is about. A command may be named by the end of its name.

    Raises:
        InvalidInput: the failed command is none that is known, or could be several.
    """
    where, name = saga_filter(request), request.failed_command
    if not name:
        return where
    commands = {method for each in sagas.served() for method in each.definition.commands}
    if name in commands or ("." in name and not any(method.endswith(f".{name}") for method in commands)):
        return where  # the full name of a command, perhaps of a definition that is served no more
    meant = sorted(method for method in commands if method.endswith(f".{name}"))
    if len(meant) != 1:
        told = (
            f"could be each of {', '.join(meant)}" if meant else f"there are: {', '.join(sorted(commands)) or 'none'}"
        )
        raise InvalidInput(("filter.failed_command", f"{name!r} names no command; {told}"))
    return replace(where, failed_command=meant[0])


async def refuse_unknown(sagas: Sagas, where: SagaFilter) -> None:
    """Check the names in a filter. What is served no more may still be in the journal.

    Raises:
        InvalidInput: it names a definition or an attribute that does not exist.
    """
    served = {each.definition.name for each in sagas.served()}
    journalled = {count.definition for count in await sagas.count()}
    if where.definition and where.definition not in served | journalled:
        known = ", ".join(sorted(served | journalled)) or "none"
        raise InvalidInput(("filter.definition", f"there is no saga {where.definition!r}; there are: {known}"))
    concerned = {where.definition} if where.definition else served | journalled
    if not concerned <= served:
        return  # this replica does not know which attributes those have
    known_names = {
        name for each in sagas.served() if each.definition.name in concerned for name in each.definition.attributes
    }
    unknown = [name for name, _ in where.attributes if name not in known_names]
    if unknown:
        told = ", ".join(sorted(known_names)) or "none"
        none_has = (
            f"{min(concerned)} has no" if len(concerned) == 1 else f"none of {', '.join(sorted(concerned))} has an"
        )
        raise InvalidInput(("filter.attributes", f"{none_has} attribute {unknown[0]!r}; there are: {told}"))


def waits_for(waiting: Iterable[Waiting], reasons: Iterable[int]) -> bool:
    """Whether one of the things that a saga waits for has one of these reasons."""
    wanted = frozenset(reasons)
    return any(each.reason.value in wanted for each in waiting)


async def suspension_of(sagas: Sagas, saga_id: str) -> Reason | None:
    """Why a suspended saga is: the last word of its journal about it."""
    entries = await sagas.entries(saga_id)
    return next((entry.reason for entry in reversed(entries) if isinstance(entry, SagaSuspended)), None)


async def _journalled(
    sagas: Sagas, request: api.SagaFilter, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool
) -> tuple[list[SagaRecord], str]:
    """Of those that wait outside memory, the sagas that wait for one of the reasons.

    A page may hold fewer than there is room for, but where only queued sagas are asked for: those the store finds.
    """
    if where.statuses and Status.WAITING not in where.statuses:
        return [], ""
    where = replace(where, statuses=frozenset({Status.WAITING}))
    records, token = await sagas.search(where, limit, page_token, oldest_first=oldest_first)
    if where.queued:
        return records, token
    states = await asyncio.gather(*(sagas.get(record.saga_id) for record in records))
    found = zip(records, states, strict=True)
    return [record for record, state in found if waits_for(sagas.waiting(state), request.waiting_for)], token


async def _waiting(
    sagas: Sagas, request: api.SagaFilter, where: SagaFilter, limit: int, page_token: str
) -> tuple[list[SagaRecord], str]:
    before = _position(page_token)
    elsewhere = await sagas.waiting_elsewhere(request.waiting_for)
    known = {record.saga_id: record for record in elsewhere if where.matches(record)}
    # What is advanced here is known as it is now; a note of another replica may be older.
    known |= {
        state.saga_id: _record(state)
        for state, waiting in sagas.all_waiting()
        if waits_for(waiting, request.waiting_for) and where.matches(state)
    }
    found = list(known.values())
    found.sort(key=_place, reverse=True)
    found = [record for record in found if before is None or _place(record) < before]
    token = _token(found[limit - 1]) if len(found) > limit else ""
    return found[:limit], token


def _record(state: SagaState) -> SagaRecord:
    assert state.status is not None
    return SagaRecord(
        saga_id=state.saga_id,
        definition=state.definition,
        version=state.version,
        status=state.status,
        digest=b"",
        started_at=state.started_at,
        ended_at=state.ended_at,
        attributes=state.attributes,
        sequence=0,
        cause=state.cause,
    )


def _place(record: SagaRecord) -> tuple[int, str]:
    return record.started_at, record.saga_id


def _token(record: SagaRecord) -> str:
    return base64.urlsafe_b64encode(f"{record.started_at} {record.saga_id}".encode()).decode()


def _position(page_token: str) -> tuple[int, str] | None:
    if not page_token:
        return None
    try:
        started_at, _, saga_id = base64.urlsafe_b64decode(page_token).decode().partition(" ")
        return int(started_at), saga_id
    except ValueError:
        raise InvalidInput(("page_token", "is not a token that a previous page gave out")) from None
