"""The bulk acts of one replica's connection to a journal that all replicas of a world share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga, DueBulkActs, KeptBulkActs


class BulkActsConnection:
    """The :class:`~orchestrator.ports.bulk_acts.KeptBulkActs` beneath, asked as everything that is no append.

    Args:
        kept: the bulk acts beneath.
        ask: lets a question travel there, and its answer back.
    """

    def __init__(self, kept: KeptBulkActs, ask: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]) -> None:
        self._kept_bulk = kept
        self._ask_bulk = ask

    async def create_bulk_act(self, act: BulkAct) -> bool:
        """See the port."""
        answer: bool = await self._ask_bulk(lambda: self._kept_bulk.create_bulk_act(act))
        return answer

    async def add_bulk_sagas(self, bulk_id: str, sagas: Sequence[BulkSaga]) -> None:
        """See the port."""
        await self._ask_bulk(lambda: self._kept_bulk.add_bulk_sagas(bulk_id, sagas))

    async def find_bulk_act(self, bulk_id: str) -> BulkAct | None:
        """See the port."""
        answer: BulkAct | None = await self._ask_bulk(lambda: self._kept_bulk.find_bulk_act(bulk_id))
        return answer

    async def list_bulk_acts(self, before: str, limit: int) -> Sequence[BulkAct]:
        """See the port."""
        answer: Sequence[BulkAct] = await self._ask_bulk(lambda: self._kept_bulk.list_bulk_acts(before, limit))
        return answer

    async def bulk_sagas(
        self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()
    ) -> Sequence[BulkSaga]:
        """See the port."""
        answer: Sequence[BulkSaga] = await self._ask_bulk(
            lambda: self._kept_bulk.bulk_sagas(bulk_id, after, limit, answers)
        )
        return answer

    async def due_bulk_acts(self, limit: int) -> DueBulkActs:
        """See the port."""
        answer: DueBulkActs = await self._ask_bulk(lambda: self._kept_bulk.due_bulk_acts(limit))
        return answer

    async def note_bulk_act(self, act: BulkAct, answered: Sequence[BulkSaga] = ()) -> bool:
        """See the port."""
        answer: bool = await self._ask_bulk(lambda: self._kept_bulk.note_bulk_act(act, answered))
        return answer

    async def delete_expired_bulk_acts(self, most: int) -> int:
        """See the port."""
        answer: int = await self._ask_bulk(lambda: self._kept_bulk.delete_expired_bulk_acts(most))
        return answer
