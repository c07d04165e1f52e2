"""Schedules in dictionaries: for a store in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.ports.schedules import DueSchedules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.ports.claims import Served
    from orchestrator.ports.schedules import Schedule


@dataclass(slots=True)
class SchedulesState:
    """All schedules of one store, for all handles on it, and those that were deleted; by uid."""

    kept: dict[str, Schedule] = field(default_factory=dict)
    deleted: dict[str, Schedule] = field(default_factory=dict)


class SchedulesInMemory:
    """The :class:`~orchestrator.ports.schedules.StoredSchedules` of a store, in dictionaries.

    Args:
        now: the store's clock.
        state: what other handles have too.
    """

    def __init__(self, now: Callable[[], int], state: SchedulesState) -> None:
        self._store_clock = now
        self._schedules = state

    async def store_now(self) -> int:
        """See the port."""
        return self._store_clock()

    async def create_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        kept = self._schedules.kept
        taken = schedule.uid in kept or schedule.uid in self._schedules.deleted
        if taken or any(each.name == schedule.name for each in kept.values()):
            return False
        kept[schedule.uid] = schedule
        return True

    async def find_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        return next((each for each in self._schedules.kept.values() if each.name == name), None)

    async def is_schedule_deleted(self, uid: str) -> bool:
        """See the port."""
        return uid in self._schedules.deleted

    async def find_deleted_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        return next((each for each in reversed(self._schedules.deleted.values()) if each.name == name), None)

    async def list_schedules(self, after: str, limit: int) -> Sequence[Schedule]:
        """See the port."""
        return sorted((each for each in self._schedules.kept.values() if each.name > after), key=lambda s: s.name)[
            :limit
        ]

    async def due_schedules(self, limit: int, served: Served | None = None) -> DueSchedules:
        """See the port."""
        now = self._store_clock()
        waiting = sorted(
            (due_at, each.name) for each in self._schedules.kept.values() if (due_at := each.due_at) is not None
        )
        by_name = {each.name: each for each in self._schedules.kept.values()}
        due = [by_name[name] for due_at, name in waiting if due_at <= now and _is_served(by_name[name], served)]
        return DueSchedules(now, due[:limit], next((due_at for due_at, _ in waiting if due_at > now), None))

    async def replace_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        kept = self._schedules.kept.get(schedule.uid)
        if kept is None or kept.revision != schedule.revision:
            return False
        self._schedules.kept[schedule.uid] = replace(schedule, revision=schedule.revision + 1)
        return True

    async def delete_schedule(self, schedule: Schedule) -> bool:
        """See the port."""
        kept = self._schedules.kept.get(schedule.uid)
        if kept is None or kept.revision != schedule.revision:
            return False
        del self._schedules.kept[schedule.uid]
        self._schedules.deleted[schedule.uid] = schedule
        return True


def _is_served(schedule: Schedule, served: Served | None) -> bool:
    if served is None:
        return True
    if not schedule.version:
        return any(definition == schedule.definition for definition, _ in served)
    return (schedule.definition, schedule.version) in served
