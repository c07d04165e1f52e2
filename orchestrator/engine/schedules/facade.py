"""The facade of schedules: all that API and command line may ask of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.actor import Actor
    from orchestrator.ports.schedules import Missed, Overlap, Schedule


class NewSchedule(NamedTuple):
    """What to create.

    Attributes:
        name: under which it is found.
        cron: five fields; empty for a schedule that starts once.
        zone: the time zone of the expression; empty for UTC.
        at: the only instant, nanoseconds since the epoch, UTC; 0 where there is an expression.
        definition: the name of a served definition, and its version; 0 for the newest at each start.
        input_type: the full name of the input's type.
        input: serialized, valid.
        overlap: what becomes of an instant while the last saga runs.
        missed: what becomes of instants that no replica started in time.
        missed_limit: how many of them RUN_ALL starts, the latest; 1 or more.
        window: nanoseconds after which an instant that was not started is missed.
        created_by: who wants it.
        request_id: makes a repeated request safe; empty for none.
    """

    name: str
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
    created_by: Actor
    request_id: str = ""


class Schedules(Protocol):
    """The schedules of one engine. Every method may raise JournalUnavailable; who changes one is in the log, too."""

    async def create(self, new: NewSchedule) -> Schedule:
        """Create one, or find the one that this request created before.

        Raises:
            InvalidInput: its expression, zone or instant is none, or the instant lies in the past.
            ScheduleExists: another one has the name, or the request id was used with another content.
            ScheduleRefused: this request created one, which was deleted since.
        """

    async def get(self, name: str) -> Schedule:
        """The one of this name.

        Raises:
            ScheduleNotFound: there is none; this, and the following, too.
        """

    async def list_after(self, name: str, limit: int) -> Sequence[Schedule]:
        """So many at most, by name, from the first name after this one on."""

    async def pause(self, name: str, why: str, by: Actor) -> Schedule:
        """Let it start nothing until it is resumed; what was decided before is still started. Repeating it is fine."""

    async def resume(self, name: str, by: Actor) -> Schedule:
        """Let it go on with the instants from now on: those that fell into the pause are not started."""

    async def delete(self, name: str, by: Actor) -> Schedule:
        """Delete it; as it was. The sagas that it started go on."""

    async def run(self, name: str, request_id: str, by: Actor) -> tuple[Schedule, str]:
        """Start its saga once, now, whatever runs and whether it is paused; the schedule, and the id of the saga.

        That it starts is durable when this returns; a replica that serves the saga starts it a moment later.

        Args:
            name: of the schedule.
            request_id: makes a repeated request safe; empty for none.
            by: who wants it.
        """
