"""The schedules as a caller sees them who is narrowed to some definitions, or to sagas with some attributes.

Purpose and invariant are those of :mod:`orchestrator.access.narrowed`: a schedule is within reach where the sagas that
it starts are, and any other is not there. One whose sagas cannot be told, because no code of theirs is served or it
takes another input by now, is out of reach of a caller who is narrowed by attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.access.narrowed import narrowing, told_reach
from orchestrator.engine.starting import attributes_of
from orchestrator.errors import NotAllowed, ScheduleNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.access.subject import Subject
    from orchestrator.engine.sagas import Sagas
    from orchestrator.engine.schedules.facade import NewSchedule, Schedules
    from orchestrator.journal.actor import Actor
    from orchestrator.ports.schedules import Schedule


class NarrowedSchedules:
    """The schedules of an engine, :class:`~orchestrator.engine.schedules.facade.Schedules`, for the present caller.

    Args:
        schedules: of the engine.
        sagas: tells which definitions are served.
    """

    def __init__(self, schedules: Schedules, sagas: Sagas) -> None:
        self._schedules = schedules
        self._sagas = sagas

    async def create(self, new: NewSchedule) -> Schedule:
        """See the facade.

        Raises:
            NotAllowed: the caller could not see the sagas that it would start.
            ScheduleExists: the name is taken, be it by a schedule that the caller cannot see.
        """
        subject = narrowing()
        if subject and not self._covers(subject, new):
            raise NotAllowed("OUT_OF_REACH", f"you may schedule only sagas of {told_reach(subject)}")
        return await self._schedules.create(new)

    async def get(self, name: str) -> Schedule:
        """See the facade."""
        try:
            schedule = await self._schedules.get(name)
        except ScheduleNotFound:
            if narrowing():  # of one that was deleted, it is not known whose it was
                raise ScheduleNotFound(name) from None
            raise
        if not self._can_be_seen(schedule):
            raise ScheduleNotFound(name)
        return schedule

    async def list_after(self, name: str, limit: int) -> Sequence[Schedule]:
        """See the facade."""
        found: list[Schedule] = []
        while len(found) < limit:
            page = await self._schedules.list_after(name, limit)
            found += filter(self._can_be_seen, page)
            if len(page) < limit:
                break
            name = page[-1].name
        return found[:limit]

    async def pause(self, name: str, why: str, by: Actor) -> Schedule:
        """See the facade."""
        await self._reach(name)
        return await self._schedules.pause(name, why, by)

    async def resume(self, name: str, by: Actor) -> Schedule:
        """See the facade."""
        await self._reach(name)
        return await self._schedules.resume(name, by)

    async def delete(self, name: str, by: Actor) -> Schedule:
        """See the facade."""
        await self._reach(name)
        return await self._schedules.delete(name, by)

    async def run(self, name: str, request_id: str, by: Actor) -> tuple[Schedule, str]:
        """See the facade."""
        await self._reach(name)
        return await self._schedules.run(name, request_id, by)

    async def _reach(self, name: str) -> None:
        """Raises: ScheduleNotFound: the caller may not see it, or there is none."""
        if narrowing():
            await self.get(name)

    def _can_be_seen(self, schedule: Schedule) -> bool:
        subject = narrowing()
        return subject is None or self._covers(subject, schedule)

    def _covers(self, subject: Subject, schedule: Schedule | NewSchedule) -> bool:
        """Whether the sagas that a schedule starts are among those to which the caller is narrowed."""
        if not subject.attributes:
            return subject.covers(schedule.definition, ())
        served = self._sagas.find(schedule.definition, schedule.version)
        if served is None or served.definition.input.DESCRIPTOR.full_name != schedule.input_type:
            return False
        message = served.definition.input.FromString(schedule.input)
        return subject.covers(schedule.definition, attributes_of(served, message))
