"""A connection to a journal that a test switches: up, down, held, or cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.fold import fold
from orchestrator.journal.outbox import outbox_of
from orchestrator.testing.world.journal import JournalConnection, result_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.journal import Append, Journal
    from orchestrator.ports.wakes import Woken
    from orchestrator.testing.world.journal import Batch, Results
    from orchestrator.testing.world.virtual_loop import Process


class SwitchedJournal(JournalConnection):
    """A connection that a test switches.

    Attributes:
        journal_is: ``up``; ``down``: the journal refuses everything; ``held``: appends wait until it is up again.
        cut_after: the process crashes as soon as a saga's journal would hold more entries than this; those that fit
            are written.
        loses_acknowledgement: the process crashes, too, when it holds exactly that many.
        is_deaf: no wake reaches the process.
    """

    def __init__(self, journal: Journal, process: Process) -> None:
        super().__init__(journal, process)
        self.journal_is: Literal["up", "down", "held"] = "up"
        self.cut_after: int | None = None
        self.loses_acknowledgement = False
        self.is_deaf = False
        self._held: list[tuple[Batch, asyncio.Future[Any]]] = []

    def switch(self, state: Literal["up", "down"]) -> None:
        """Let the journal be up or down; what was held goes on."""
        self.journal_is = state
        held, self._held = self._held, []
        for batch, done in held:
            self._arrive(batch, done)

    def _arrive(self, batch: Batch, done: asyncio.Future[Results]) -> None:
        if self.journal_is == "held":
            self._held.append((batch, done))
        else:
            super()._arrive(batch, done)

    async def travel(self, *, answered: bool) -> None:
        """See the base class."""
        if not answered and self.journal_is == "down":
            raise JournalUnavailable("the disk is full")

    async def woken(self) -> Woken:
        """See the port."""
        while True:
            woken = await super().woken()
            if not self.is_deaf:
                return woken

    def commit(self, appends: Sequence[Append]) -> Results | None:
        """See the base class."""
        if self.journal_is == "down":
            return [JournalUnavailable("the disk is full") for _ in appends]
        return super().commit(appends)

    def write(self, append: Append) -> Exception | None:
        """See the base class."""
        total = append.expected_sequence + len(append.entries)
        if self.cut_after is not None and total > self.cut_after:
            self._write_beginning(append, append.entries[: self.cut_after - append.expected_sequence])
            self.process.crash()
            return None
        error = super().write(append)
        if self.loses_acknowledgement and total == self.cut_after:
            self.process.crash()
        return error

    def _write_beginning(self, append: Append, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        written = [*result_of(self.journal.read(append.saga_id)), *entries]
        state = fold(append.saga_id, written)
        assert state.status is not None
        told = outbox_of(append.saga_id, written, append.expected_sequence, tells_life=False)
        ended = append._replace(entries=entries, status=state.status, ended_at=state.ended_at, outbox=told)
        self.journal.append(ended).result()
