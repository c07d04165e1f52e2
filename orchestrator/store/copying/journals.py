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
from functools import partial
from typing import TYPE_CHECKING, Final

from orchestrator.errors import ClaimLost, JournalsDiffer, SettingsError
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.journal import Append
from orchestrator.store.copying.bulk_acts import copy_bulk_acts
from orchestrator.store.copying.events import copy_events
from orchestrator.store.copying.sagas import OWNER, batches, copy_sagas, whole_of
from orchestrator.store.copying.schedules import copy_schedules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from orchestrator.ports.journal import Journal, JournalReader
    from orchestrator.store.copying.sagas import CopyProgress

_PAGE: Final = 500


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
    progress = await copy_sagas(partial(whole_of, source), saga_ids, target, told)
    await copy_schedules(source, target)
    for batch in batches(saga_ids):
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
