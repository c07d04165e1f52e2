"""Flaws of events, each found by the simulator: told of what never was, not told at all, or in another order.

They are mistakes that everybody makes who writes an outbox: to write it in a statement of its own, to tick off first,
to let one that fails be overtaken.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.events.lane_ends import LaneEnds
from orchestrator.events.lanes import Lane
from orchestrator.events.relay import Relay
from orchestrator.journal.events import SagaEvents
from orchestrator.ports.outbox import SinkProgress
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.simulation import Promise
from tests.unit.simulation.engine_flaws import EngineFlaw

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from orchestrator.events.claimed import ClaimedSink
    from orchestrator.journal.events import EventState
    from orchestrator.ports.journal import Append


@contextlib.contextmanager
def _appends_tell_nothing() -> Iterator[None]:
    write = MemoryJournal._write

    def silent(self: MemoryJournal, append: Append) -> None:
        write(self, append._replace(outbox=()))

    with patch.object(MemoryJournal, "_write", silent):
        yield


@contextlib.contextmanager
def outbox_is_written_after_the_commit() -> Iterator[None]:
    """The entries are committed, and then the events are written in a transaction of their own."""
    note_written = SagaWriter._note_written

    def note(self: SagaWriter, append: Append, write: Any, written: asyncio.Future[None]) -> None:  # noqa: ANN401
        if not written.cancelled() and written.exception() is None:
            self._journal.journal.tell(append.outbox)  # type: ignore[attr-defined]
        note_written(self, append, write, written)

    with _appends_tell_nothing(), patch.object(SagaWriter, "_note_written", note):
        yield


@contextlib.contextmanager
def outbox_is_written_before_the_commit() -> Iterator[None]:
    """The events are written first, and then the entries are committed; or not."""
    write = SagaWriter._write

    def hasty(self: SagaWriter) -> Any:  # noqa: ANN401
        self._journal.journal.tell(self._outbox)  # type: ignore[attr-defined]
        return write(self)

    with _appends_tell_nothing(), patch.object(SagaWriter, "_write", hasty):
        yield


@contextlib.contextmanager
def an_event_is_told_although_its_saga_may_roll_back() -> Iterator[None]:
    """Nothing is held until the pivot."""
    add = SagaEvents.add

    def told(self: SagaEvents, name: str, event: EventState, *, at_once: bool, certain: bool) -> None:
        add(self, name, event, at_once=at_once, certain=certain or not at_once)

    with patch.object(SagaEvents, "add", told):
        yield


@contextlib.contextmanager
def the_relay_skips_what_was_not_taken() -> Iterator[None]:
    """It tries once, and goes on."""

    async def after(_self: LaneEnds, *_arguments: object) -> None:
        return None

    with patch.object(LaneEnds, "_after", after):
        yield


@contextlib.contextmanager
def the_relay_ticks_off_before_it_tells() -> Iterator[None]:
    """The position is written down when the events are read."""
    read_on = Relay._read_on

    async def hasty(self: Relay, claimed: ClaimedSink, **how: bool) -> int:
        read = await read_on(self, claimed, **how)
        await self._outbox.note_progress(self.name, claimed.token, SinkProgress(read))
        return read

    with patch.object(Relay, "_read_on", hasty):
        yield


@contextlib.contextmanager
def the_relay_lets_what_fails_be_overtaken() -> Iterator[None]:
    """A saga of which an event was not taken is not blocked."""

    async def nobody(_self: Relay, _claimed: ClaimedSink, _page: object) -> set[str]:
        return set()

    with patch.object(Relay, "_blocked_among", nobody):
        yield


@contextlib.contextmanager
def the_relay_reorders() -> Iterator[None]:
    """The newest event of a saga is told first."""
    tell = Lane.tell

    async def backwards(self: Lane, *arguments: Any) -> Any:  # noqa: ANN401
        self.events = self.events[::-1]
        return await tell(self, *arguments)

    with patch.object(Lane, "tell", backwards):
        yield


_TRUTH: Final = frozenset({Promise.EVENTS_TELL_THE_TRUTH})

EVENT_FLAWS: Final = (
    EngineFlaw(outbox_is_written_after_the_commit, _TRUTH),
    EngineFlaw(outbox_is_written_before_the_commit, _TRUTH),
    EngineFlaw(an_event_is_told_although_its_saga_may_roll_back, _TRUTH),
    EngineFlaw(the_relay_skips_what_was_not_taken, _TRUTH),
    EngineFlaw(the_relay_ticks_off_before_it_tells, _TRUTH),
    EngineFlaw(the_relay_lets_what_fails_be_overtaken, _TRUTH),
    EngineFlaw(the_relay_reorders, _TRUTH),
)
