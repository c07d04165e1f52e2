"""Flaws of starts by schedule, each found by the simulator: an instant that starts nothing, twice, or too early.

They are mistakes that anybody makes who writes a timer with a database: to tick the row off first, to make up an id
where one should follow, to believe one's own clock.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from orchestrator.engine.replica.schedule_runner import ScheduleRunner
from orchestrator.engine.schedules.turn import fired, taken
from orchestrator.engine.starting import saga_id_of
from orchestrator.ports.schedules import PastStart, StartOutcome
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.simulation import Promise
from tests.unit.simulation.engine_flaws import EngineFlaw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.ports.schedules import DueSchedules, Firing, Schedule


@contextlib.contextmanager
def schedule_moves_on_before_the_start_is_durable() -> Iterator[None]:
    """The row is ticked off first, and then the saga is started."""

    async def take(self: ScheduleRunner, schedule: Schedule, now: int) -> None:
        decided = moved = taken(schedule, now, await self._running(schedule))
        for firing in decided.firing:
            saga_id = saga_id_of(schedule.definition, firing.request_id)
            moved = fired(moved, firing, PastStart(firing.instant, StartOutcome.STARTED, now, saga_id))
        if await self._worker.adapters.journal.replace_schedule(moved):
            for firing in decided.firing:
                await self._start(decided, firing, now)

    with patch.object(ScheduleRunner, "_take", take):
        yield


@contextlib.contextmanager
def request_id_does_not_follow_from_the_instant() -> Iterator[None]:
    """Each attempt to start makes up a request id."""
    start, numbers = ScheduleRunner._start, itertools.count(1)

    async def made_up(self: ScheduleRunner, schedule: Schedule, firing: Firing, now: int) -> PastStart:
        return await start(self, schedule, firing._replace(request_id=str(uuid.UUID(int=next(numbers)))), now)

    with patch.object(ScheduleRunner, "_start", made_up):
        yield


@contextlib.contextmanager
def decision_is_not_kept() -> Iterator[None]:
    """What is decided is not written down, and is decided anew by the next replica."""

    async def take(self: ScheduleRunner, schedule: Schedule, now: int) -> None:
        decided = taken(schedule, now, await self._running(schedule))
        for firing in decided.firing:
            await self._note(decided, firing, await self._start(decided, firing, now))
        if not decided.firing:
            await self._worker.adapters.journal.replace_schedule(decided)

    with patch.object(ScheduleRunner, "_take", take):
        yield


@contextlib.contextmanager
def instant_is_judged_by_the_local_clock() -> Iterator[None]:
    """A replica asks for what is due by the time that its own clock shows."""

    async def look(self: ScheduleRunner) -> DueSchedules:
        adapters = self._worker.adapters
        due = await adapters.journal.due_schedules(0, self._worker.served.versions)
        now = adapters.clock.now()
        for schedule in await adapters.journal.list_schedules("", 100):
            is_served = self._worker.served.find(schedule.definition, schedule.version) is not None
            if is_served and schedule.due_at is not None and schedule.due_at <= now:
                await self._take(schedule, now)
        return due

    with patch.object(ScheduleRunner, "look", look):
        yield


@contextlib.contextmanager
def schedule_is_changed_from_any_revision() -> Iterator[None]:
    """The store keeps whatever comes last."""
    change = MemoryJournal.replace_schedule

    async def whatever(self: MemoryJournal, schedule: Schedule) -> bool:
        kept = self._schedules.kept[schedule.uid]
        return await change(self, replace(schedule, revision=kept.revision))

    with patch.object(MemoryJournal, "replace_schedule", whatever):
        yield


SCHEDULE_FLAWS: Final = (
    EngineFlaw(schedule_moves_on_before_the_start_is_durable, frozenset({Promise.NOTHING_IS_LOST})),
    EngineFlaw(
        request_id_does_not_follow_from_the_instant,
        frozenset({Promise.SAME_INTENT_SAME_KEY, Promise.NOTHING_IS_LOST}),
    ),
    EngineFlaw(decision_is_not_kept, frozenset({Promise.SAME_INTENT_SAME_KEY, Promise.NOTHING_IS_LOST})),
    EngineFlaw(instant_is_judged_by_the_local_clock, frozenset({Promise.TIME_AND_SIGNALS_ARE_FACTS})),
    EngineFlaw(
        schedule_is_changed_from_any_revision,
        frozenset({Promise.SAME_INTENT_SAME_KEY, Promise.NOTHING_IS_LOST}),
        first_seed=350,
    ),
)
