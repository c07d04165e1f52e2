"""Moves the schedules of one journal to another.

A schedule keeps its uid, so the sagas that it starts there have the ids that they would have had here. One that was
copied before is left as it is: a replica of the new journal may have carried it on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.errors import ScheduleExists

if TYPE_CHECKING:
    from orchestrator.ports.schedules import KeptSchedules

_PAGE: Final = 500


async def copy_schedules(source: KeptSchedules, target: KeptSchedules) -> int:
    """Copy every schedule; how many there are.

    Raises:
        ScheduleExists: the new journal has another schedule of the same name.
        JournalUnavailable: one of the two cannot be used; the copy goes on when it is repeated.
    """
    copied, last = 0, ""
    while page := await source.list_schedules(last, _PAGE):
        for schedule in page:
            if not await target.create_schedule(schedule):
                there = await target.find_schedule(schedule.name)
                if there is not None and there.uid != schedule.uid:
                    what = f"the new journal has another schedule {schedule.name!r}: delete one of the two"
                    raise ScheduleExists(schedule.name, "SCHEDULE_EXISTS", what)
        copied, last = copied + len(page), page[-1].name
    return copied
