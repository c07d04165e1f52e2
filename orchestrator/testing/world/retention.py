"""The retention of one replica's connection to a journal that all replicas of a world share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orchestrator.ports.retention import EndedPage, Retention, Tombstone


class RetentionConnection:
    """The :class:`~orchestrator.ports.retention.Retention` beneath, asked as everything that is no append.

    Args:
        retained: the retention beneath.
        ask: lets a question travel there, and its answer back.
    """

    def __init__(self, retained: Retention, ask: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]) -> None:
        self._retained = retained
        self._ask_retention = ask

    async def ended(self, position: int, limit: int) -> EndedPage:
        """See the port."""
        answer: EndedPage = await self._ask_retention(lambda: self._retained.ended(position, limit))
        return answer

    async def family(self, saga_id: str) -> list[str]:
        """See the port."""
        answer: list[str] = await self._ask_retention(lambda: self._retained.family(saga_id))
        return answer

    async def delete_ended(self, saga_ids: Sequence[str]) -> list[str]:
        """See the port."""
        answer: list[str] = await self._ask_retention(lambda: self._retained.delete_ended(saga_ids))
        return answer

    async def find_tombstone(self, saga_id: str) -> Tombstone | None:
        """See the port."""
        answer: Tombstone | None = await self._ask_retention(lambda: self._retained.find_tombstone(saga_id))
        return answer

    async def tombstones(self, after: bytes, limit: int) -> list[Tombstone]:
        """See the port."""
        answer: list[Tombstone] = await self._ask_retention(lambda: self._retained.tombstones(after, limit))
        return answer

    async def shrink(self) -> None:
        """See the port."""
        await self._ask_retention(self._retained.shrink)

    async def keep_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """See the port."""
        await self._ask_retention(lambda: self._retained.keep_tombstones(tombstones))
