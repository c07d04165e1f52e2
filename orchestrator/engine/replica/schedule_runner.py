r"""Starts what is due by schedule.

Purpose: each due instant starts one saga, with any number of replicas, whichever of them die and wherever clocks jump.
Invariant: nothing is started that is not decided, durably, in the schedule; and the schedule moves on only after the
start is durable. Both changes hold only from the revision that was read, and the saga's id follows from the schedule
and the instant: a replica that comes second changes nothing, and starts nothing.

::

    due, by the store's clock ──▶ taken: decided (revision n + 1) ──▶ start, durable ──▶ moved on (n + 2)
          ▲                            └─ another replica was first: left to it              │
          └──────────── its replica died: due again after a few seconds ◀── no answer ───────┘

Where thousands are due at once, they start in the order of their instants, at a pace that leaves room for other work:
so many are in hand at most, each until its saga has ended or half a second has passed, for then it waits for others.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replica.pause import Pause
from orchestrator.engine.schedules.firing import past_of, start_of
from orchestrator.engine.schedules.turn import fired, taken
from orchestrator.errors import JournalError, Overloaded, SagaExists
from orchestrator.journal.state import ENDED

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.engine.replica.worker import Worker
    from orchestrator.ports.schedules import DueSchedules, Firing, PastStart, Schedule

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 10.0
"""How often, at least, a replica looks for what another one may have created."""
_RETRY_SECONDS: Final = 1.0
_SHORTEST_SECONDS: Final = 0.01
_TURN_SECONDS: Final = 0.5
_MOST_IN_HAND: Final = 50
_NANOSECONDS: Final = 1_000_000_000


class ScheduleRunner:
    """Starts what is due, in one replica.

    Args:
        worker: the replica's.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._pause = Pause(worker.adapters.clock)
        self._looking: asyncio.Task[None] | None = None
        self._failed = False
        self._in_hand: dict[str, int] = {}

    def open(self) -> None:
        """Look for what is due from now on."""
        self._looking = asyncio.ensure_future(self._look_again_and_again())

    def close(self) -> None:
        """Look no more. What is decided and not started is due again for another replica."""
        if self._looking is not None:
            self._looking.cancel()

    def hurry(self) -> None:
        """A schedule was changed here: it may be due earlier than what is waited for."""
        self._pause.end()

    async def look(self) -> DueSchedules:
        """Look once, and do what is due and has room; what was found.

        Raises:
            JournalUnavailable: it cannot be looked for.
        """
        self._failed = False
        room = max(0, self._room())
        due = await self._worker.adapters.journal.due_schedules(room, self._worker.served.versions)
        await asyncio.gather(*(self._take(schedule, due.now) for schedule in due.schedules))
        return due

    async def _look_again_and_again(self) -> None:
        while True:
            await self._pause.last(await self._seconds_after_a_look())

    async def _seconds_after_a_look(self) -> float:
        """Look; seconds until the next look."""
        if self._room() <= 0:
            return _TURN_SECONDS / 5
        try:
            due = await self.look()
        except JournalError as error:
            _log.debug("schedules cannot be looked for: %s", error)
            return _RETRY_SECONDS
        if due.schedules:  # what was done may be due again
            return _RETRY_SECONDS if self._failed else _SHORTEST_SECONDS
        if due.next_at is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(_SHORTEST_SECONDS, (due.next_at - due.now) / _NANOSECONDS))

    def _room(self) -> int:
        """How many more may be started now."""
        live, now = self._worker.live, self._worker.adapters.clock.now()
        self._in_hand = {each: until for each, until in self._in_hand.items() if each in live and until > now}
        return _MOST_IN_HAND - len(self._in_hand)

    async def _take(self, schedule: Schedule, now: int) -> None:
        """Decide about one, unless another replica did; and do what is decided."""
        try:
            decided = taken(schedule, now, await self._running(schedule))
            if await self._worker.adapters.journal.replace_schedule(decided):
                kept = replace(decided, revision=decided.revision + 1)
                for firing in decided.firing:
                    kept = await self._note(kept, firing, await self._start(kept, firing, now))
        except (JournalError, Overloaded) as error:
            self._failed = True
            _log.info("schedule %s is tried again in a few seconds: %s", schedule.name, error)
        except Exception:  # noqa: BLE001 - one schedule must not keep the others waiting
            self._failed = True
            _log.critical("schedule %s cannot be carried out", schedule.name, exc_info=True)

    async def _note(self, schedule: Schedule, firing: Firing, past: PastStart) -> Schedule:
        """Let the schedule move on, from whichever revision it has now; as it is kept then.

        Raises:
            JournalError: whether it has moved on is not known.
        """
        journal = self._worker.adapters.journal
        while firing in schedule.firing:
            done = fired(schedule, firing, past)
            if await journal.replace_schedule(done):
                return replace(done, revision=done.revision + 1)
            latest = await journal.find_schedule(schedule.name)  # somebody has paused it, or run it by hand
            if latest is None or latest.uid != schedule.uid:
                return schedule
            schedule = latest
        return schedule

    async def _running(self, schedule: Schedule) -> Collection[str]:
        """Those of the sagas that it started that have not ended."""
        if not schedule.running:
            return ()
        records = await self._worker.adapters.journal.find_each(schedule.running)
        return {record.saga_id for record in records if record.status not in ENDED}

    async def _start(self, schedule: Schedule, firing: Firing, now: int) -> PastStart:
        """Start a saga, or find it started; what became of it once that is durable. It may be queued.

        Raises:
            JournalError: whether it is durable is not known.
            Overloaded: there is no room for it, and none in the queue; it is not started.
        """
        served = self._worker.served.find(schedule.definition, schedule.version)
        assert served is not None, "only what is served here is due here"
        start = start_of(schedule, firing, served)
        if isinstance(start, str):
            _log.error("schedule %s starts nothing: %s", schedule.name, start)
            return past_of(firing, start, now)
        try:
            await self._worker.start(start)
        except SagaExists as error:
            # Another version of this program may write the same input in other bytes: its saga is the same one.
            record = await self._worker.adapters.journal.find(start.saga_id)
            if record is None or record.definition != schedule.definition:
                _log.error("schedule %s starts nothing: %s", schedule.name, error)
                return past_of(firing, str(error), now)
        self._in_hand[start.saga_id] = self._worker.adapters.clock.now() + int(_TURN_SECONDS * _NANOSECONDS)
        return past_of(firing, start, now)
