"""Copies whole sagas into a journal, and compares them there with what they were copied from.

Whatever they come from reads one saga after another, as :class:`~orchestrator.ports.history.WholeSaga`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.errors import JournalsDiffer
from orchestrator.journal.cause import Cause
from orchestrator.journal.entries import CommandIntended, RollbackBegan
from orchestrator.journal.state import Status
from orchestrator.ports.history import WholeSaga
from orchestrator.ports.journal import Append, NewSaga

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.journal import Journal, JournalReader

    ReadSaga = Callable[[str], Awaitable[WholeSaga]]

OWNER: Final = "journal-copy"
"""Who has claimed what is copied, until all of it is compared."""

_LEASE_NANOSECONDS: Final = 24 * 3600 * 1_000_000_000
"""A copy that was interrupted is repeated within this; until then nobody else advances its sagas."""

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


async def copy_sagas(
    read: ReadSaga, saga_ids: Sequence[str], target: Journal, told: Callable[[CopyProgress], None]
) -> CopyProgress:
    """Append those of these sagas that are not there, in this order, then compare every entry of all of them.

    Raises:
        JournalsDiffer: the new journal holds something else of a saga.
        SagaExists: a replica of the new journal has just started a saga of the same id.
        JournalUnavailable: it cannot be used; the copy goes on when it is repeated.
    """
    progress = CopyProgress(len(saga_ids))
    for batch in batches(saga_ids):
        await target.heartbeat(OWNER, _LEASE_NANOSECONDS)
        copied = await _copy(read, target, batch)
        progress = progress._replace(copied=progress.copied + copied, found=progress.found + len(batch) - copied)
        told(progress)
    for batch in batches(saga_ids):
        await target.heartbeat(OWNER, _LEASE_NANOSECONDS)
        await asyncio.gather(*(_compare(read, target, saga_id) for saga_id in batch))
        progress = progress._replace(compared=progress.compared + len(batch))
        told(progress)
    return progress


def batches(saga_ids: Sequence[str]) -> list[Sequence[str]]:
    """As many sagas together as are read and written at once."""
    return [saga_ids[first : first + _AT_ONCE] for first in range(0, len(saga_ids), _AT_ONCE)]


async def whole_of(journal: JournalReader, saga_id: str) -> WholeSaga:
    """A saga of a journal.

    Raises:
        JournalsDiffer: it is not there.
    """
    record = await journal.find(saga_id)
    if record is None:
        raise JournalsDiffer(saga_id, "it is missing")
    return WholeSaga(record, await journal.read(saga_id))


async def _copy(read: ReadSaga, target: Journal, saga_ids: Sequence[str]) -> int:
    """Append those sagas that are not there; how many."""
    there = await asyncio.gather(*map(target.find, saga_ids))
    missing = [saga_id for saga_id, record in zip(saga_ids, there, strict=True) if record is None]
    sagas = await asyncio.gather(*map(read, missing))
    # In this order, so that they have started in the same order there.
    await asyncio.gather(*(target.append(_append_of(each)) for each in sagas))
    return len(missing)


def _append_of(saga: WholeSaga) -> Append:
    """All of a saga in one append."""
    record = saga.record
    new = NewSaga(record.definition, record.version, record.digest, record.started_at, record.attributes)
    status = _unparked(record.status)
    return Append(record.saga_id, OWNER, 1, 0, saga.entries, status, record.ended_at, new, cause=_cause_of(saga))


def _cause_of(saga: WholeSaga) -> Cause | None:
    """Why it goes back or is suspended; of one that is parked while it goes back, only its journal says so."""
    if saga.record.status is not Status.WAITING:
        return saga.record.cause
    began = next((entry for entry in reversed(saga.entries) if isinstance(entry, RollbackBegan)), None)
    if began is None:
        return None
    intents = (entry for entry in saga.entries if isinstance(entry, CommandIntended))
    method = next((intent.method for intent in intents if intent.key == began.reason.step_key), "")
    return Cause.of(began.reason, method, began.at)


def _unparked(status: Status) -> Status:
    """What a saga counts as until all is compared."""
    return Status.RUNNING if status is Status.WAITING else status


async def _compare(read: ReadSaga, target: Journal, saga_id: str) -> None:
    """Check that the new journal holds what the old one does; it may hold more where a replica has gone on."""
    (record, entries), (there, copied) = await asyncio.gather(read(saga_id), whole_of(target, saga_id))
    for number, entry in enumerate(entries):
        if number >= len(copied) or copied[number] != entry:
            raise JournalsDiffer(saga_id, f"its entry {number + 1} of {len(entries)} is another one, or missing")
    if _lasting(record) != _lasting(there):
        raise JournalsDiffer(saga_id, "it was started with something else")
    statuses = {record.status, _unparked(record.status)}
    if len(copied) == len(entries) and (there.status not in statuses or record.ended_at != there.ended_at):
        raise JournalsDiffer(saga_id, f"it is {there.status.name.lower()}, not {record.status.name.lower()}")


def _lasting(record: SagaRecord) -> tuple[object, ...]:
    """What does not change while a saga goes on."""
    return record.definition, record.version, record.digest, record.started_at, record.attributes
