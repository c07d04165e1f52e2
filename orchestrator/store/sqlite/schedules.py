"""Schedules in the journal's file."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.ports.schedule_document import from_document, to_document
from orchestrator.ports.schedules import DueSchedules

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Sequence

    from orchestrator.ports.claims import Served
    from orchestrator.ports.schedules import Schedule


class SqliteSchedules:
    """The :class:`~orchestrator.ports.schedules.StoredSchedules` of one file.

    Args:
        now: the store's clock.
        write: has something written, or read, in a transaction; the future is done with its result.
        run: a named statement with its values, within that transaction.
    """

    def __init__(
        self,
        now: Callable[[], int],
        write: Callable[[Callable[[], Any]], Future[Any]],
        run: Callable[[str, Any], list[Any]],
    ) -> None:
        self._store_clock = now
        self._in_transaction = write
        self._run = run

    async def store_now(self) -> int:
        """See the port."""
        return self._store_clock()

    async def create_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        values = {
            "uid": schedule.uid,
            "name": schedule.name,
            "revision": schedule.revision,
            "definition": schedule.definition,
            "version": schedule.version,
            **_changing(schedule),
        }
        return bool(await self._statement("create_schedule", values))

    async def find_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        rows = await self._statement("find_schedule", (name,))
        return from_document(*rows[0]) if rows else None

    async def is_schedule_deleted(self, uid: str) -> bool:
        """See the port."""
        return bool(await self._statement("is_schedule_deleted", (uid,)))

    async def find_deleted_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        rows = await self._statement("find_deleted_schedule", (name,))
        return from_document(*rows[0]) if rows else None

    async def list_schedules(self, after: str, limit: int) -> Sequence[Schedule]:
        """See the port."""
        return [from_document(*row) for row in await self._statement("list_schedules", (after, limit))]

    async def due_schedules(self, limit: int, served: Served | None = None) -> DueSchedules:
        """See the port."""
        now, known = self._store_clock(), None if served is None else json.dumps(list(served))
        rows = await self._statement("due_schedules", {"now": now, "limit": limit, "served": known})
        ((next_at,),) = await self._statement("next_schedule", (now,))
        return DueSchedules(now, [from_document(*row) for row in rows], next_at)

    async def replace_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        values = {"uid": schedule.uid, "revision": schedule.revision, **_changing(schedule)}
        return bool(await self._statement("replace_schedule", values))

    async def delete_schedule(self, schedule: Schedule) -> bool:
        """See the port."""

        def delete() -> bool:
            rows = self._run("delete_schedule", (schedule.uid, schedule.revision))
            if rows:
                values = (schedule.uid, schedule.name, self._store_clock(), schedule.revision, to_document(schedule))
                self._run("remember_schedule", values)
            return bool(rows)

        deleted: bool = await self._in_transaction(delete)
        return deleted

    def _statement(self, name: str, values: Any) -> Future[list[Any]]:  # noqa: ANN401 - what sqlite3 binds
        return self._in_transaction(partial(self._run, name, values))


def _changing(schedule: Schedule) -> dict[str, object]:
    return {"due_at": schedule.due_at, "document": to_document(schedule)}
