"""The only writer of a saga's journal.

Purpose: entries change the saga's state at once and wait in a buffer; :meth:`persist` makes all of them durable,
in order. Invariant: what is durable is always a prefix of what was recorded. Results are written with the next
intent or the end, so a saga waits for the disk only where a promise demands it.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.engine.run import failpoints
from orchestrator.journal.outbox import life_event, told_event
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import OutboxEvent
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.observer import Observer


class _Write:
    """One append under way, and those who wait for its end."""

    __slots__ = ("_ended", "_error", "_waiting")

    def __init__(self) -> None:
        self._ended = False
        self._error: BaseException | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def tell(self, waiting: asyncio.Future[None]) -> None:
        """Bring the future to an end when the write has come to one."""
        self._waiting.append(waiting)
        if self._ended:
            self.end(self._error)

    def end(self, error: BaseException | None) -> None:
        """It is durable or, with an error, it is not."""
        self._ended = True
        self._error = error
        for waiting in self._waiting:
            if waiting.done():  # given up
                continue
            if error is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(error)
        self._waiting.clear()


class SagaWriter:
    """Writes the journal of one saga under one claim, and what it tells into the outbox, in the same append.

    Attributes:
        state: the saga's state, all recorded entries applied.
        on_change: called after each recorded entry; for watchers.
        token: the fencing token of the claim.
        started: done when the saga's first entries are durable; raises what the journal raised.
        has_written: something that was recorded here is durable.
    """

    __slots__ = (
        "_buffer",
        "_cause",
        "_failure",
        "_journal",
        "_latest",
        "_loop",
        "_new",
        "_observer",
        "_on_told",
        "_outbox",
        "_owner",
        "_sequence",
        "_tells_life",
        "has_written",
        "on_change",
        "started",
        "state",
        "token",
    )

    def __init__(
        self,
        state: SagaState,
        journal: Journal,
        observer: Observer,
        *,
        owner: str,
        token: int,
        sequence: int,
        new: NewSaga | None = None,
        tells_life: bool = False,
        on_told: Callable[[], None] | None = None,
    ) -> None:
        self.state = state
        self.on_change: Callable[[], None] | None = None
        self.has_written = False
        self._journal = journal
        self._observer = observer
        self._owner = owner
        self.token = token
        self._sequence = sequence
        self._new = new
        self._cause = state.cause
        self._loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = self._loop.create_future()
        if new is None:
            self.started.set_result(None)
        self._buffer: list[Entry] = []
        self._tells_life = tells_life
        self._on_told = on_told
        self._outbox: tuple[OutboxEvent, ...] = ()
        state.events.take()  # what is told already was written with the entries that told it
        self._failure: BaseException | None = None
        self._latest: _Write | None = None

    def record(self, entry: Entry) -> None:
        """Apply an entry and put it into the buffer."""
        entry.apply(self.state)
        self._buffer.append(entry)
        if self.state.events.telling:
            self._outbox += tuple(told_event(self.state, event) for event in self.state.events.take())
        if self._tells_life and (life := life_event(self.state, entry, self._sequence + len(self._buffer))):
            self._outbox += (life,)
        if self.on_change is not None:
            self.on_change()

    def persist(self) -> asyncio.Future[None]:
        """Make everything recorded so far durable; a caller that stops waiting for it changes nothing.

        The future raises:
            JournalError: it is not durable, and this writer can write no more.
            SagaExists: these are the first entries, and there is a saga of this id.
        """
        if self._buffer:
            self._latest = self._write()
        # Not the journal's own future: the saga's code may cancel the branch that waits, and the write stands.
        # asyncio.shield would say the same at several times the cost, and this is once for every command.
        waiting = self._loop.create_future()
        if self._latest is None:
            waiting.set_result(None)
        else:
            self._latest.tell(waiting)
        return waiting

    def persist_soon(self) -> None:
        """Make everything recorded so far durable, and do not wait: the next persist tells if it failed."""
        self._loop.call_soon(self._persist_unawaited)

    def _persist_unawaited(self) -> None:
        asyncio.ensure_future(self.persist()).add_done_callback(_note_failed)

    def _write(self) -> _Write:
        """Append what is in the buffer; writes of one saga become durable in order."""
        entries = self._buffer
        state = self.state
        self._buffer = []
        outbox, self._outbox = self._outbox, ()
        new, self._new = self._new, None
        # Compared only where there is one: hardly any saga has a reason to go back.
        cause = state.cause if state.suspension or state.rollback else None
        before, self._cause = self._cause, cause
        append = Append(
            state.saga_id,
            self._owner,
            self.token,
            self._sequence,
            entries,
            state.status,  # type: ignore[arg-type]  # SagaStarted, the first entry of all, has set it
            state.ended_at,
            new,
            (state.wake_at or None) if state.status is Status.WAITING else None,
            state.turn_at,
            cause if cause != before else None,
            outbox,
        )
        self._sequence += len(entries)
        write = _Write()
        self._journal.append(append).add_done_callback(partial(self._note_written, append, write))
        return write

    def _note_written(self, append: Append, write: _Write, written: asyncio.Future[None]) -> None:
        """End the waiting for this write, and for the start; tell the observer."""
        if written.cancelled():  # the event loop is being closed
            return
        error = written.exception()
        if error is not None:
            # What follows a write in doubt is refused because that one does not stand, yet: it is in doubt as well.
            error = self._failure = self._failure or error
        write.end(error)
        if append.new is not None and error is not None:
            self.started.set_exception(error)
            self.started.exception()  # the caller may have gone, and no other asks for it
        elif append.new is not None:
            self.started.set_result(None)
            failpoints.reach("started", "")
        if error is None:
            self.has_written = True
            self._observer.journalled(self.state, append.entries)
            if append.outbox and self._on_told is not None:
                self._on_told()


def _note_failed(written: asyncio.Future[None]) -> None:
    """The event loop is not to complain that nobody asks for the error."""
    if not written.cancelled():
        written.exception()
