"""Schedules: which sagas start by themselves, and when; and where that is kept.

Purpose: a saga starts once for each instant that is due, whichever replicas die. Invariant: a schedule changes only
from the revision that was read, so of two replicas that decide about one instant, one decision stands; and its next
instant moves on only with the change that follows a durable start.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.actor import Actor
    from orchestrator.ports.claims import Served


class Overlap(enum.Enum):
    """What becomes of an instant at which a saga that the schedule started still runs.

    The numbers are those of ``saga.v1.OverlapPolicy``.
    """

    SKIP = 1
    BUFFER_ONE = 2
    ALLOW_ALL = 3


class Missed(enum.Enum):
    """What becomes of instants that no replica started in time; the numbers of ``saga.v1.MissedPolicy``."""

    SKIP = 1
    RUN_LAST = 2
    RUN_ALL = 3


class StartOutcome(enum.Enum):
    """What became of an instant; the numbers of ``saga.v1.StartOutcome``."""

    STARTED = 1
    STILL_RUNNING = 2
    MISSED = 3
    REFUSED = 4


class ScheduleActKind(enum.Enum):
    """What somebody did to a schedule; the numbers of ``saga.v1.ScheduleActKind``."""

    CREATED = 1
    PAUSED = 2
    RESUMED = 3
    RUN = 4
    DELETED = 5


class ScheduleAct(NamedTuple):
    """What somebody did to a schedule.

    Attributes:
        kind: what.
        at: when, by the store's clock.
        by: who.
        why: of a pause, the reason; else empty.
    """

    kind: ScheduleActKind
    at: int
    by: Actor
    why: str = ""


class Firing(NamedTuple):
    """A start that is decided, and not known to be durable.

    Attributes:
        instant: for which instant; of one by hand, when it was asked for.
        request_id: from which the id of its saga follows.
        by: who asked for it; ``None`` where the timetable did.
    """

    instant: int
    request_id: str
    by: Actor | None = None


class PastStart(NamedTuple):
    """What became of an instant.

    Attributes:
        instant: which; of several that were missed in a row, the first.
        outcome: what became of it.
        noted_at: when that was written down.
        saga_id: what was started; else empty.
        message: more of it, in a sentence.
    """

    instant: int
    outcome: StartOutcome
    noted_at: int
    saga_id: str = ""
    message: str = ""


class Pause(NamedTuple):
    """Since when a schedule is paused, why, and by whom."""

    at: int
    why: str
    by: Actor


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is kept. Instants are nanoseconds since the epoch, UTC, of the store's clock.

    Attributes:
        uid: its identity for ever; another one under the same name has another.
        name: under which it is found.
        revision: counts its changes, from 1.
        digest: of what it was created with, to tell a repeated request from another one.
        cron: its expression; empty for one that starts once.
        zone: in which time zone the expression is read.
        at: the only instant; 0 where there is an expression.
        definition: which saga it starts, and its version; 0 for the newest.
        input_type: the full name of the saga's input.
        input: serialized.
        overlap: see there.
        missed: see there.
        missed_limit: how many of the missed instants RUN_ALL starts, the latest.
        window: nanoseconds after which an instant that was not started counts as missed.
        created_at: when it was.
        created_by: by whom.
        next_at: the instant that comes next, or is under way; ``None`` when none comes.
        pause: present while it is paused.
        buffered: an instant that waits for the saga that runs.
        firing: the starts that are decided.
        not_before: until when it is left to the replica that has it in hand; 0 for no replica.
        running: the sagas that it started and that had not ended when it was last looked at.
        recent: what became of the latest instants, the oldest first.
        acts: what was done to it lately, and by whom, the oldest first.
    """

    uid: str
    name: str
    revision: int
    digest: bytes
    cron: str
    zone: str
    at: int
    definition: str
    version: int
    input_type: str
    input: bytes
    overlap: Overlap
    missed: Missed
    missed_limit: int
    window: int
    created_at: int
    created_by: Actor
    next_at: int | None
    pause: Pause | None = None
    buffered: int | None = None
    firing: tuple[Firing, ...] = ()
    not_before: int = 0
    running: tuple[str, ...] = ()
    recent: tuple[PastStart, ...] = ()
    acts: tuple[ScheduleAct, ...] = ()

    @property
    def due_at(self) -> int | None:
        """From when on a replica has something to do; ``None`` for never. What is decided is done in a pause, too."""
        if self.firing:
            return self.not_before
        if self.pause is not None:
            return None
        return self.next_at if self.buffered is None else self.not_before


class DueSchedules(NamedTuple):
    """What the store says of what is due.

    Attributes:
        now: the store's clock.
        schedules: those that are due, the longest due first.
        next_at: when the next of the others is due; ``None`` where none is.
    """

    now: int
    schedules: Sequence[Schedule]
    next_at: int | None


class KeptSchedules(Protocol):
    """Where schedules are kept. Every method may raise JournalUnavailable; what it was to write may then stand."""

    async def store_now(self) -> int:
        """The store's clock, by which all instants are judged."""

    async def create_schedule(self, schedule: Schedule) -> bool:
        """Keep a new one; whether it is: not where one of its uid or name is there, or one of its uid was deleted."""

    async def find_schedule(self, name: str) -> Schedule | None:
        """The one of this name, if there is one."""

    async def find_deleted_schedule(self, name: str) -> Schedule | None:
        """The last one that had this name and was deleted, as :meth:`delete_schedule` was given it."""

    async def list_schedules(self, after: str, limit: int) -> Sequence[Schedule]:
        """So many at most, by name, from the first name after this one on."""

    async def replace_schedule(self, schedule: Schedule) -> bool:
        """Keep a changed one instead, as the next revision; whether it is: not where another revision is there now."""

    async def delete_schedule(self, schedule: Schedule) -> bool:
        """Delete one, and remember it for ever as it is given; whether it did: not where another revision is there."""


class StoredSchedules(KeptSchedules, Protocol):
    """What replicas ask besides, of a store that starts nothing by itself. As above for errors."""

    async def is_schedule_deleted(self, uid: str) -> bool:
        """Whether there was one of this uid, and it was deleted."""

    async def due_schedules(self, limit: int, served: Served | None = None) -> DueSchedules:
        """What is due by the store's clock.

        Args:
            limit: how many at most.
            served: of these definitions only; of those that start the newest version, of any version. ``None``: all.
        """
