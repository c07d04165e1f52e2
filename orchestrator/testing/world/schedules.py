"""The schedules of one replica's connection to a journal that all replicas of a world share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orchestrator.ports.claims import Served
    from orchestrator.ports.schedules import DueSchedules, Schedule, StoredSchedules


class SchedulesConnection:
    """The :class:`~orchestrator.ports.schedules.StoredSchedules` beneath, asked as everything that is no append.

    Args:
        kept: the schedules beneath.
        ask: lets a question travel there, and its answer back.
    """

    def __init__(self, kept: StoredSchedules, ask: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]) -> None:
        self._kept = kept
        self._ask_store = ask

    async def store_now(self) -> int:
        """See the port."""
        answer: int = await self._ask_store(self._kept.store_now)
        return answer

    async def create_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        answer: bool = await self._ask_store(lambda: self._kept.create_schedule(schedule))
        return answer

    async def find_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        answer: Schedule | None = await self._ask_store(lambda: self._kept.find_schedule(name))
        return answer

    async def is_schedule_deleted(self, uid: str) -> bool:
        """See the port."""
        answer: bool = await self._ask_store(lambda: self._kept.is_schedule_deleted(uid))
        return answer

    async def find_deleted_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        answer: Schedule | None = await self._ask_store(lambda: self._kept.find_deleted_schedule(name))
        return answer

    async def list_schedules(self, after: str, limit: int) -> Sequence[Schedule]:
        """See the port."""
        answer: Sequence[Schedule] = await self._ask_store(lambda: self._kept.list_schedules(after, limit))
        return answer

    async def due_schedules(self, limit: int, served: Served | None = None) -> DueSchedules:
        """See the port."""
        answer: DueSchedules = await self._ask_store(lambda: self._kept.due_schedules(limit, served))
        return answer

    async def replace_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        answer: bool = await self._ask_store(lambda: self._kept.replace_schedule(schedule))
        return answer

    async def delete_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        answer: bool = await self._ask_store(lambda: self._kept.delete_schedule(schedule))
        return answer
