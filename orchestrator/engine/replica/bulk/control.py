"""What can be done to bulk acts, at any replica: they belong to no one, and change by revisions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.engine.bulk.bookkeeping import bulk_id_at, refuse_more, tell
from orchestrator.engine.bulk.stages import frozen, new_bulk_act, started, stopped
from orchestrator.errors import BulkActNotFound
from orchestrator.ports.bulk_acts import MOVED_ON, BulkSaga, BulkStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Sequence

    from orchestrator.engine.bulk.facade import NewBulkAct
    from orchestrator.journal.actor import Actor
    from orchestrator.ports.bulk_acts import Answer, BulkAct
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal

_WATCH_SECONDS: Final = 0.25


class BulkControl:
    """The bulk acts of one journal; see the facade for each method.

    Args:
        journal: where they are kept.
        clock: the time.
        changed: called where there may be something to do now.
    """

    def __init__(self, journal: Journal, clock: Clock, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._changed = changed

    async def prepare(self, new: NewBulkAct, pages: AsyncIterator[Sequence[str]]) -> BulkAct:
        """See the facade."""
        first = await anext(pages, ())  # where the sagas cannot be looked for, nothing is left behind
        now = await self._journal.store_now()
        act = new_bulk_act(bulk_id_at(now), new, now)
        await self._journal.create_bulk_act(act)
        number = 0
        async for page in _chain(first, pages):
            refuse_more(number + len(page))
            sagas = [BulkSaga(position, saga_id) for position, saga_id in enumerate(page, start=number + 1)]
            await self._journal.add_bulk_sagas(act.bulk_id, sagas)
            number += len(page)
        checking = frozen(act, number, await self._journal.store_now())
        if not await self._journal.note_bulk_act(checking):
            raise BulkActNotFound(act.bulk_id)  # it took so long that it has expired
        tell(checking, "prepared", new.prepared_by)
        self._changed()
        return replace(checking, revision=act.revision + 1)

    async def get(self, bulk_id: str) -> BulkAct:
        """See the facade."""
        act = await self._journal.find_bulk_act(bulk_id)
        if act is None:
            raise BulkActNotFound(bulk_id)
        return act

    async def list_before(self, bulk_id: str, limit: int) -> Sequence[BulkAct]:
        """See the facade."""
        return await self._journal.list_bulk_acts(bulk_id, limit)

    async def start(self, bulk_id: str, why: str, by: Actor) -> BulkAct:
        """See the facade."""
        now = await self._journal.store_now()
        return await self._change(bulk_id, "started", by, lambda act: started(act, why, by, now))

    async def stop(self, bulk_id: str, by: Actor) -> BulkAct:
        """See the facade."""
        now = await self._journal.store_now()
        return await self._change(bulk_id, "stopped", by, lambda act: stopped(act, by, now))

    async def watch(self, bulk_id: str) -> AsyncIterator[BulkAct]:
        """See the facade."""
        seen = 0
        while True:
            act = await self.get(bulk_id)
            if act.revision != seen:
                yield act
                seen = act.revision
            if act.status not in MOVED_ON and act.status is not BulkStatus.FREEZING:
                return
            await self._clock.sleep(_WATCH_SECONDS)

    async def sagas(self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()) -> Sequence[BulkSaga]:
        """See the facade."""
        await self.get(bulk_id)
        return await self._journal.bulk_sagas(bulk_id, after, limit, answers)

    async def _change(self, bulk_id: str, done: str, by: Actor, change: Callable[[BulkAct], BulkAct]) -> BulkAct:
        """Change one, from whichever revision it has; as it is kept then."""
        while True:
            act = await self.get(bulk_id)
            changed = change(act)
            if changed is act:
                return act
            if await self._journal.note_bulk_act(changed):
                tell(changed, done, by)
                self._changed()
                return replace(changed, revision=act.revision + 1)


async def _chain(first: Sequence[str], others: AsyncIterator[Sequence[str]]) -> AsyncIterator[Sequence[str]]:
    yield first
    async for page in others:
        yield page
