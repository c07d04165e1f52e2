r"""Moves all sagas from one journal to another, so that a running business goes on there.

Purpose: to outgrow one file. Invariant: nobody advances a saga in the new journal before every entry of every saga was
compared; and what was copied before an interruption is compared, and not copied again.

::

    each saga, the oldest first ──not there──▶ appended whole, claimed by the copy ──┐
                                ──there────────────────────────────────────────────▶ compared ──▶ all are released
                                                                                       └─ differs: JournalsDiffer

A parked saga counts as running there until all is compared: else its timer might wake it before. The old journal is
opened for the copy alone, so its orchestrator has stopped. It is left as it was.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.errors import ClaimLost, JournalsDiffer, SettingsError
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.store.copying_bulk_acts import copy_bulk_acts
from orchestrator.store.copying_events import copy_events
from orchestrator.store.copying_schedules import copy_schedules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.journal import Journal, JournalReader

OWNER: Final = "journal-copy"
"""Who has claimed what is copied, until all of it is compared."""

_LEASE_NANOSECONDS: Final = 24 * 3600 * 1_000_000_000
"""A copy that was interrupted is repeated within this; until then nobody else advances its sagas."""

_PAGE: Final = 500
_AT_ONCE: Final = 100


class CopyProgress(NamedTuple):
    """How far a copy has come.

    Attributes:
        sagas: how many there are.
        copied: how many were appended to the new journal now.
        found: how many had been there already.
        compared: how many are the same in both, entry by entry.
    """

    sagas: int
    copied: int = 0
    found: int = 0
    compared: int = 0


async def copy_journal(source: Journal, target: Journal, told: Callable[[CopyProgress], None]) -> CopyProgress:
    """Copy every saga, compare every entry, and let the replicas of the new journal have them.

    Args:
        source: the old journal, opened for this process alone.
        target: the new one. Replicas may have it already.
        told: is told of the progress, now and then.

    Raises:
        SettingsError: other processes may write the source.
        JournalsDiffer: the new journal holds something else of a saga.
        SagaExists: a replica of the new journal has just started a saga of the same id.
        ScheduleExists: the new journal has another schedule of the same name.
        JournalUnavailable: one of the two cannot be used; the copy goes on when it is repeated.
    """
    if source.shared:
        raise SettingsError("a journal is copied from a store that one process has for itself, such as sqlite:<path>")
    saga_ids = [saga_id async for saga_id in _newest_first(source)]
    saga_ids.reverse()
    progress = CopyProgress(len(saga_ids))
    for batch in _batches(saga_ids):
        await target.heartbeat(OWNER, _LEASE_NANOSECONDS)
        copied = await _copy(source, target, batch)
        progress = progress._replace(copied=progress.copied + copied, found=progress.found + len(batch) - copied)
        told(progress)
    for batch in _batches(saga_ids):
        await target.heartbeat(OWNER, _LEASE_NANOSECONDS)
        await asyncio.gather(*(_compare(source, target, saga_id) for saga_id in batch))
        progress = progress._replace(compared=progress.compared + len(batch))
        told(progress)
    await copy_schedules(source, target)
    for batch in _batches(saga_ids):
        await _park(source, target, batch)
    await _keep_tombstones(source, target)
    await copy_events(source, target)  # before replicas tell more of the same sagas
    await target.release(OWNER)
    await target.forget([OWNER])
    await copy_bulk_acts(source, target)  # last: they act on sagas that the copy has claimed until now
    return progress


async def _newest_first(source: JournalReader) -> AsyncIterator[str]:
    token, is_last = "", False
    while not is_last:
        page, token = await source.search(SagaFilter(), _PAGE, token)
        for record in page:
            yield record.saga_id
        is_last = not token


def _batches(saga_ids: Sequence[str]) -> list[Sequence[str]]:
    return [saga_ids[first : first + _AT_ONCE] for first in range(0, len(saga_ids), _AT_ONCE)]


async def _copy(source: Journal, target: Journal, saga_ids: Sequence[str]) -> int:
    """Append those sagas that are not there; how many."""
    there = await asyncio.gather(*map(target.find, saga_ids))
    missing = [saga_id for saga_id, record in zip(saga_ids, there, strict=True) if record is None]
    appends = await asyncio.gather(*(_whole(source, saga_id) for saga_id in missing))
    # In this order, so that they have started in the same order there.
    await asyncio.gather(*map(target.append, appends))
    return len(missing)


async def _whole(source: Journal, saga_id: str) -> Append:
    """All of a saga in one append."""
    record, entries = await _found(source, saga_id), await source.read(saga_id)
    new = NewSaga(record.definition, record.version, record.digest, record.started_at, record.attributes)
    status = _unparked(record.status)
    return Append(saga_id, OWNER, 1, 0, entries, status, record.ended_at, new, cause=record.cause)


def _unparked(status: Status) -> Status:
    """What a saga counts as until all is compared."""
    return Status.RUNNING if status is Status.WAITING else status


async def _park(source: Journal, target: Journal, saga_ids: Sequence[str]) -> None:
    """Park those sagas that are parked in the old journal, and that no replica has taken further in the new one."""
    there = {record.saga_id: record for record in await target.find_each(saga_ids)}
    parked = [
        Append(
            record.saga_id,
            OWNER,
            1,
            record.sequence,
            (),
            record.status,
            wake_at=record.wake_at,
            turn_at=record.turn_at,
        )
        for record in await source.find_each(saga_ids)
        if record.status is Status.WAITING
        and (there[record.saga_id].status, there[record.saga_id].sequence) == (Status.RUNNING, record.sequence)
    ]
    answers = await asyncio.gather(*map(target.append, parked), return_exceptions=True)
    for append, answer in zip(parked, answers, strict=True):
        if isinstance(answer, ClaimLost):
            raise JournalsDiffer(append.saga_id, "it is parked, and a replica of the new journal has claimed it before")
        if isinstance(answer, BaseException):
            raise answer


async def _keep_tombstones(source: JournalReader, target: Journal) -> None:
    """What was deleted in the old journal is not started again in the new one."""
    tombstones = await source.tombstones(b"", _PAGE)
    while tombstones:
        await target.keep_tombstones(tombstones)
        tombstones = await source.tombstones(tombstones[-1].key, _PAGE)


async def _compare(source: Journal, target: Journal, saga_id: str) -> None:
    """Check that the new journal holds what the old one does; it may hold more where a replica has gone on."""
    entries, copied = await source.read(saga_id), await target.read(saga_id)
    for number, entry in enumerate(entries):
        if number >= len(copied) or copied[number] != entry:
            raise JournalsDiffer(saga_id, f"its entry {number + 1} of {len(entries)} is another one, or missing")
    record, there = await _found(source, saga_id), await _found(target, saga_id)
    if _lasting(record) != _lasting(there):
        raise JournalsDiffer(saga_id, "it was started with something else")
    statuses = {record.status, _unparked(record.status)}
    if len(copied) == len(entries) and (there.status not in statuses or record.ended_at != there.ended_at):
        raise JournalsDiffer(saga_id, f"it is {there.status.name.lower()}, not {record.status.name.lower()}")


def _lasting(record: SagaRecord) -> tuple[object, ...]:
    """What does not change while a saga goes on."""
    return record.definition, record.version, record.digest, record.started_at, record.attributes


async def _found(journal: JournalReader, saga_id: str) -> SagaRecord:
    record = await journal.find(saga_id)
    if record is None:
        raise JournalsDiffer(saga_id, "it is missing")
    return record
