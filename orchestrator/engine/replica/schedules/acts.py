"""What can be done to schedules, at any replica: they belong to no one, and change by revisions.

Who did what is kept with the schedule, in the same write, also once it is deleted; the log tells it too.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from orchestrator.engine.schedules.timetable import read_cron, read_zone
from orchestrator.engine.schedules.turn import instant_after, request_id_of
from orchestrator.engine.starting import saga_id_of
from orchestrator.errors import InvalidInput, ScheduleExists, ScheduleNotFound, ScheduleRefused
from orchestrator.ports.schedules import Firing, Pause, Schedule, ScheduleAct, ScheduleActKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.engine.schedules.facade import NewSchedule
    from orchestrator.journal.actor import Actor
    from orchestrator.ports.journal import Journal

_log = logging.getLogger(__name__)

_NAMESPACE: Final = uuid.UUID("2b1d7f06-6c0e-4d52-9d0a-5a0f3e0d4f7c")
_MOST_BY_HAND: Final = 20
_MOST_ACTS: Final = 20


class ScheduleActs:
    """The schedules of one journal; see the facade for each method.

    Args:
        journal: where they are kept.
        changed: called after each change: something may be due now.
    """

    def __init__(self, journal: Journal, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._changed = changed

    async def create(self, new: NewSchedule) -> Schedule:
        """See the facade."""
        digest = _digest(new)
        found = await self._found_before(new, digest)
        if found is not None:
            return found
        schedule = _of(new, digest, await self._journal.store_now())
        if await self._journal.create_schedule(schedule):
            _tell(schedule, "created", new.created_by)
            self._changed()
            return schedule
        found = await self._found_before(new, digest)
        if found is not None:
            return found
        raise ScheduleRefused(new.name, "SCHEDULE_DELETED", f"this request created {new.name}, which was deleted since")

    async def get(self, name: str) -> Schedule:
        """See the facade."""
        schedule = await self._journal.find_schedule(name)
        if schedule is None:
            raise ScheduleNotFound(name, _told_deleted(await self._journal.find_deleted_schedule(name)))
        return schedule

    async def list_after(self, name: str, limit: int) -> Sequence[Schedule]:
        """See the facade."""
        return await self._journal.list_schedules(name, limit)

    async def pause(self, name: str, why: str, by: Actor) -> Schedule:
        """See the facade."""
        now = await self._journal.store_now()
        act = ScheduleAct(ScheduleActKind.PAUSED, now, by, why)
        paused = await self._change(
            name, lambda it: it if it.pause else _with_act(replace(it, pause=Pause(now, why, by)), act)
        )
        _tell(paused, "paused", by)
        return paused

    async def resume(self, name: str, by: Actor) -> Schedule:
        """See the facade."""
        now = await self._journal.store_now()

        def resumed(schedule: Schedule) -> Schedule:
            if schedule.pause is None:
                return schedule
            # What is decided is at its instant until that is done, and moves on from there.
            next_at = schedule.next_at if _is_firing_next(schedule) else _from_now_on(schedule, now)
            act = ScheduleAct(ScheduleActKind.RESUMED, now, by)
            return _with_act(replace(schedule, pause=None, next_at=next_at, not_before=0), act)

        changed = await self._change(name, resumed)
        _tell(changed, "resumed", by)
        return changed

    async def delete(self, name: str, by: Actor) -> Schedule:
        """See the facade."""
        act = ScheduleAct(ScheduleActKind.DELETED, await self._journal.store_now(), by)
        schedule = await self.get(name)
        while not await self._journal.delete_schedule(_with_act(schedule, act)):
            schedule = await self._same(schedule)
        _tell(schedule, "deleted", by)
        return schedule

    async def run(self, name: str, request_id: str, by: Actor) -> tuple[Schedule, str]:
        """See the facade."""
        now = await self._journal.store_now()
        schedule = await self.get(name)
        firing = Firing(now, request_id_of(schedule.uid, request_id or str(uuid.uuid4())), by)
        saga_id = saga_id_of(schedule.definition, firing.request_id)
        if await self._journal.find(saga_id) is not None:
            return schedule, saga_id

        def asked(schedule: Schedule) -> Schedule:
            if any(each.request_id == firing.request_id for each in schedule.firing):
                return schedule
            if len(schedule.firing) >= _MOST_BY_HAND:
                what = f"{len(schedule.firing)} starts of {name} are not made yet: see that its saga is served"
                raise ScheduleRefused(name, "TOO_MANY_STARTS", what)
            # A replica may be at it: then it is left to that one for as long as it was.
            act = ScheduleAct(ScheduleActKind.RUN, now, by)
            return _with_act(replace(schedule, firing=(*schedule.firing, firing)), act)

        changed = await self._change(name, asked, schedule.uid)
        _tell(changed, "run by hand", by)
        return changed, saga_id

    async def _change(self, name: str, change: Callable[[Schedule], Schedule], uid: str = "") -> Schedule:
        """Change one, from whichever revision it has."""
        while True:
            schedule = await self.get(name)
            if uid and schedule.uid != uid:
                raise ScheduleNotFound(name)
            changed = change(schedule)
            if changed == schedule:
                return schedule
            if await self._journal.replace_schedule(changed):
                self._changed()
                return replace(changed, revision=schedule.revision + 1)

    async def _same(self, schedule: Schedule) -> Schedule:
        """As it is now.

        Raises:
            ScheduleNotFound: it was deleted, whether or not another one has its name.
        """
        latest = await self.get(schedule.name)
        if latest.uid != schedule.uid:
            raise ScheduleNotFound(schedule.name)
        return latest

    async def _found_before(self, new: NewSchedule, digest: bytes) -> Schedule | None:
        """The schedule that this request created, if it did.

        Raises:
            ScheduleExists: the name is another one's.
        """
        schedule = await self._journal.find_schedule(new.name)
        if schedule is None:
            return None
        if not new.request_id or schedule.uid != _uid(new):
            raise ScheduleExists(new.name, "SCHEDULE_EXISTS", f"there is a schedule {new.name!r} already")
        if schedule.digest != digest:
            what = f"schedule {new.name!r} was created by the same request id with another content"
            raise ScheduleExists(new.name, "REQUEST_ID_REUSED", what)
        return schedule


def _with_act(schedule: Schedule, act: ScheduleAct) -> Schedule:
    return replace(schedule, acts=(*schedule.acts, act)[-_MOST_ACTS:])


def _told_deleted(schedule: Schedule | None) -> str:
    """Who deleted a schedule, and when; empty where nobody has."""
    if schedule is None:
        return ""
    act = schedule.acts[-1]
    at = datetime.fromtimestamp(act.at // 1_000_000_000, UTC).isoformat()
    return f"the last one of this name was deleted at {at} by {act.by.name}"


def _tell(schedule: Schedule, done: str, by: Actor) -> None:
    """Say who did what."""
    _log.info("schedule %s is %s, as %s (%s) wants it", schedule.name, done, by.name, by.authority)


def _of(new: NewSchedule, digest: bytes, now: int) -> Schedule:
    """A schedule that is created now.

    Raises:
        InvalidInput: its expression, zone or instant is none, or the instant lies in the past.
    """
    if new.cron:
        next_at = read_cron(new.cron, new.zone).after(now)
    else:
        read_zone(new.zone)
        next_at = new.at
        if new.at <= now:
            raise InvalidInput(("schedule.at", "lies in the past, by the clock of the store; run it by hand instead"))
    return Schedule(
        uid=_uid(new) if new.request_id else str(uuid.uuid4()),
        name=new.name,
        revision=1,
        digest=digest,
        cron=new.cron,
        zone=new.zone,
        at=new.at,
        definition=new.definition,
        version=new.version,
        input_type=new.input_type,
        input=new.input,
        overlap=new.overlap,
        missed=new.missed,
        missed_limit=new.missed_limit,
        window=new.window,
        created_at=now,
        created_by=new.created_by,
        next_at=next_at,
        acts=(ScheduleAct(ScheduleActKind.CREATED, now, new.created_by),),
    )


def _uid(new: NewSchedule) -> str:
    """By name and request id, so that a repeated request finds what it created."""
    return str(uuid.uuid5(_NAMESPACE, f"{new.name}/{new.request_id.lower()}"))


def _digest(new: NewSchedule) -> bytes:
    """Of everything that was asked for."""
    told = new._asdict() | {"request_id": "", "overlap": new.overlap.value, "missed": new.missed.value}
    told["created_by"] = new.created_by.name  # they may call from elsewhere when they repeat it
    return hashlib.sha256(repr(tuple(told.values())).encode()).digest()


def _is_firing_next(schedule: Schedule) -> bool:
    return any(each.instant == schedule.next_at and not each.by for each in schedule.firing)


def _from_now_on(schedule: Schedule, now: int) -> int | None:
    """The first instant that does not lie in the past."""
    next_at = schedule.next_at
    return next_at if next_at is None or next_at > now else instant_after(schedule, now)
