r"""The transactions of appends: each is that of a batch, see :mod:`orchestrator.store.batching.batches`.

Invariant: one transaction of this process at a time, on one connection, so that appends of one saga keep their order;
an append is acknowledged only after the commit that holds it. Two connections were measured, and rejected: with 256
appends in flight they write 1.4 times as many, because one group is encoded while the other is written; but with 32,
which is what a busy replica has, as many or a third less, at a fifth more CPU each, because groups are half as large.

::

    batch ──▶ group ──append_group──▶ written ──────────────────────────▶ told
                ▲                       ├─ some are refused ──why?───────▶ told
                │                       │              └─ what refused them is gone ─┐
                ├── the same saga again, and what does not follow ◀──────────────────┘
                │                       ├─ deadlock, a lock that is not given: nothing was written ─▶ once more
                │                       ├─ a value that cannot be written: each alone
                └───────────────────────┴─ the connection broke: unavailable; it may stand, or not
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalError, JournalUnavailable
from orchestrator.journal.state import CLAIMABLE
from orchestrator.store.append_refusals import (
    claim_lost,
    entries_unwritable,
    new_and_not_empty,
    saga_deleted,
    saga_exists,
    sequence_conflict,
)
from orchestrator.store.batching.batches import Batches
from orchestrator.store.postgres.connecting import Failed, Link
from orchestrator.store.postgres.groups import events_of, grouped, values_of
from orchestrator.store.postgres.queries import queries
from orchestrator.store.postgres.refusals import unavailable
from orchestrator.store.rows.tombstones import tombstone_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.ports.journal import Append, Committed
    from orchestrator.store.batching.batches import BatchedWrite
    from orchestrator.store.postgres.groups import Place

    Batch = list[BatchedWrite[Append]]

_log = logging.getLogger(__name__)

_DISTANCE_SECONDS: Final = 0.002  # between the beginnings of two transactions, while most are elsewhere
_MOST_TRIES: Final = 5
_TAKEN_BACK: Final = ("40", "55")  # classes of errors after which the same can be tried again
_NO_FORM: Final = "22"
_BROKEN_CONSTRAINT: Final = "23"


class GroupCommit:
    """The only writer of appends in this process.

    Args:
        url: of the database, for messages.
        link: the connection to write on, which nothing else uses.
        written: called with the id of each saga that has more entries.
        committed: is told of each transaction.
    """

    def __init__(
        self, url: str, link: Link, written: Callable[[str], None], committed: Committed | None = None
    ) -> None:
        self._url = url
        self._link = link
        self._written = written
        self._advancing: set[str] = set()
        self._batches: Batches[Append] = Batches(self._write, self._siblings, _DISTANCE_SECONDS, committed)
        self._latest: asyncio.Future[None] | None = None
        self._under_way: asyncio.Task[None] | None = None

    def submit(self, append: Append) -> asyncio.Future[None]:
        """Write entries; see the port."""
        self._latest = self._batches.submit(append)
        return self._latest

    async def settled(self) -> None:
        """Wait until everything that was submitted so far is written, or is known not to be."""
        if self._latest is not None and not self._latest.done():
            await asyncio.wait([self._latest])

    async def close(self) -> None:
        """Wait for what was submitted."""
        await self._batches.drain()

    def _siblings(self) -> int:
        return len(self._advancing)

    def _write(self, batch: Batch) -> None:
        self._under_way = asyncio.ensure_future(self._carry_out(batch))

    async def _carry_out(self, batch: Batch) -> None:
        """Write a batch, and let the next one begin, whatever happens."""
        try:
            await self._write_in_groups(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody who waits may wait for ever
            _log.critical("the journal failed in a way that was not foreseen", exc_info=True)
            self._fail(batch, unavailable(self._url, "cannot be written", error))
        finally:
            self._batches.ended()

    async def _write_in_groups(self, batch: Batch) -> None:
        waiting = batch
        for tries in range(1, _MOST_TRIES + 1):
            places, later = grouped(waiting)
            try:
                again = await self._transaction(places)
            except JournalUnavailable as error:
                self._fail([*(write for place in places for write in place.writes), *later], error)
                break
            except Failed as error:
                kind = (getattr(error, "sqlstate", None) or "")[:2]
                if kind in _TAKEN_BACK and tries < _MOST_TRIES:
                    continue
                has_no_form = kind == _NO_FORM or isinstance(error, (ValueError, TypeError))
                if (has_no_form or kind == _BROKEN_CONSTRAINT) and len(waiting) > 1:
                    self._batches.one_by_one(waiting)
                    break
                away = unavailable(self._url, "cannot be written", error)
                self._fail(waiting, entries_unwritable(error) if has_no_form else away)
                break
            waiting = [*again, *later]
            if not waiting:
                break
        else:
            self._fail(waiting, JournalUnavailable(f"the journal cannot be written: nothing came of {tries} tries"))

    async def _transaction(self, places: list[Place]) -> Batch:
        """Write one group, and tell what came of it; those that are to be tried again."""
        values, statement = values_of(places), "append_group"
        if any(write.work.outbox for place in places for write in place.writes):
            values, statement = (*values, *events_of(places)), "append_telling_group"
        connection = await self._link.connection()
        ((written,),) = await connection.fetch(queries()[statement], *values)
        done = set(written)
        for number in done:
            self._tell(places[number])
        refused = [number for number in range(len(places)) if number not in done]
        if not refused:
            return []
        ids = [places[number].first.saga_id for number in refused]
        try:
            rows = await connection.fetch(queries()["why_refused"], refused, ids)
        except Failed as error:
            self._fail([w for n in refused for w in places[n].writes], unavailable(self._url, "cannot be read", error))
            return []
        again: Batch = []
        for number, *found in rows:
            place = places[number]
            if (why := _refusal(place.first, found)) is None:
                again += place.writes
            else:
                self._refuse(place, why)
        return again

    def _tell(self, place: Place) -> None:
        last = place.last
        if last.status in CLAIMABLE:
            self._advancing.add(last.saga_id)
        else:
            self._advancing.discard(last.saga_id)
        self._batches.tell(place.writes)
        self._written(last.saga_id)

    def _refuse(self, place: Place, why: Exception) -> None:
        """What follows a refused append of the same saga is refused, too: it believes that the first one stands."""
        self._advancing.discard(place.first.saga_id)
        for write in place.writes:
            write.error = why if write.work is place.first or place.first.new is None else claim_lost(write.work)
        self._batches.tell(place.writes)

    def _fail(self, writes: Batch, error: JournalError) -> None:
        for write in writes:
            self._advancing.discard(write.work.saga_id)
            write.error = error
        self._batches.tell(writes)


def _refusal(append: Append, found: Sequence[object]) -> Exception | None:
    """Why an append was refused, by what is found now; ``None`` where what refused it is gone."""
    exists, owner, token, sequence, *kept = found
    if append.new is not None:
        if exists:
            return saga_exists(append)
        if kept[0] is not None:
            return saga_deleted(append, tombstone_of(kept))
        return new_and_not_empty(append) if append.expected_sequence else None
    if (owner, token) != (append.owner, append.token):
        return claim_lost(append)
    assert isinstance(sequence, int)
    return sequence_conflict(append, sequence) if sequence != append.expected_sequence else None
