"""The bulk acts as a caller sees them who is narrowed to some definitions, or to sagas with some attributes.

Purpose and invariant are those of :mod:`orchestrator.access.narrowed`. Which sagas a bulk act is about is found by its
caller, who sees those within reach; so a bulk act is within reach of all who see at least as much as that caller did,
and any other is not there. What a saga is of, and its attributes, never change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.access.narrowed import narrowing
from orchestrator.errors import BulkActNotFound
from orchestrator.ports.bulk_acts import Reach

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from orchestrator.access.subject import Subject
    from orchestrator.engine.bulk.facade import BulkActs, NewBulkAct
    from orchestrator.journal.actor import Actor
    from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga


class NarrowedBulkActs:
    """The bulk acts of an engine, :class:`~orchestrator.engine.bulk.facade.BulkActs`, for the present caller.

    Args:
        bulk: of the engine.
    """

    def __init__(self, bulk: BulkActs) -> None:
        self._bulk = bulk

    async def prepare(self, new: NewBulkAct, pages: AsyncIterator[Sequence[str]]) -> BulkAct:
        """See the facade. Whatever is said of the caller's reach, it is theirs."""
        return await self._bulk.prepare(new._replace(reach=reach()), pages)

    async def get(self, bulk_id: str) -> BulkAct:
        """See the facade."""
        act = await self._bulk.get(bulk_id)
        if not _can_be_seen(act):
            raise BulkActNotFound(bulk_id)
        return act

    async def list_before(self, bulk_id: str, limit: int) -> Sequence[BulkAct]:
        """See the facade."""
        found: list[BulkAct] = []
        while len(found) < limit:
            page = await self._bulk.list_before(bulk_id, limit)
            found += filter(_can_be_seen, page)
            if len(page) < limit:
                break
            bulk_id = page[-1].bulk_id
        return found[:limit]

    async def start(self, bulk_id: str, why: str, by: Actor) -> BulkAct:
        """See the facade."""
        await self._reach(bulk_id)
        return await self._bulk.start(bulk_id, why, by)

    async def stop(self, bulk_id: str, by: Actor) -> BulkAct:
        """See the facade."""
        await self._reach(bulk_id)
        return await self._bulk.stop(bulk_id, by)

    async def watch(self, bulk_id: str) -> AsyncIterator[BulkAct]:
        """See the facade."""
        await self._reach(bulk_id)
        async for act in self._bulk.watch(bulk_id):
            yield act

    async def sagas(self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()) -> Sequence[BulkSaga]:
        """See the facade."""
        await self._reach(bulk_id)
        return await self._bulk.sagas(bulk_id, after, limit, answers)

    async def _reach(self, bulk_id: str) -> None:
        """Raises: BulkActNotFound: the caller may not see it, or there is none."""
        if narrowing():
            await self.get(bulk_id)


def reach() -> Reach:
    """To which sagas the caller is narrowed."""
    subject = narrowing()
    return Reach(tuple(sorted(subject.definitions)), subject.attributes) if subject else Reach()


def _can_be_seen(act: BulkAct) -> bool:
    subject = narrowing()
    return subject is None or _covers(subject, act.reach)


def _covers(subject: Subject, other: Reach) -> bool:
    """Whether the caller sees every saga that somebody of this reach sees."""
    if subject.definitions and not (other.definitions and set(other.definitions) <= subject.definitions):
        return False
    return set(subject.attributes) <= set(other.attributes)
