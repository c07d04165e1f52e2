"""Schedules beside the journal, shared by all replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.ports.schedule_document import from_document, to_document
from orchestrator.ports.schedules import DueSchedules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orchestrator.ports.claims import Served
    from orchestrator.ports.schedules import Schedule


class PostgresSchedules:
    """The :class:`~orchestrator.ports.schedules.StoredSchedules` of a database.

    Args:
        ask: a named statement with its values; its rows.
    """

    def __init__(self, ask: Callable[..., Awaitable[Sequence[Sequence[Any]]]]) -> None:
        self._ask_named = ask

    async def store_now(self) -> int:
        """See the port."""
        ((now,),) = await self._ask_named("store_now")
        return int(now)

    async def create_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        columns = (schedule.uid, schedule.name, schedule.revision, schedule.definition, schedule.version)
        return bool(await self._ask_named("create_schedule", *columns, schedule.due_at, to_document(schedule)))

    async def find_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        rows = await self._ask_named("find_schedule", name) if "\0" not in name else []
        return from_document(*rows[0]) if rows else None

    async def is_schedule_deleted(self, uid: str) -> bool:
        """See the port."""
        return bool(await self._ask_named("is_schedule_deleted", uid))

    async def find_deleted_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        rows = await self._ask_named("find_deleted_schedule", name) if "\0" not in name else []
        return from_document(*rows[0]) if rows else None

    async def list_schedules(self, after: str, limit: int) -> Sequence[Schedule]:
        """See the port."""
        return [from_document(*row) for row in await self._ask_named("list_schedules", after, limit)]

    async def due_schedules(self, limit: int, served: Served | None = None) -> DueSchedules:
        """See the port."""
        names = None if served is None else [definition for definition, _ in served]
        versions = None if served is None else [version for _, version in served]
        rows = await self._ask_named("due_schedules", limit, names, versions)
        now, next_at, *_ = rows[0]
        found = [from_document(document, revision) for *_, document, revision in rows if document is not None]
        return DueSchedules(now, found, next_at)

    async def replace_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        values = (schedule.uid, schedule.revision, schedule.due_at, to_document(schedule))
        return bool(await self._ask_named("replace_schedule", *values))

    async def delete_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        values = (schedule.uid, schedule.revision, to_document(schedule))
        return bool(await self._ask_named("delete_schedule", *values))
