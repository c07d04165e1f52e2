r"""One saga inside its workflow: its journal, and its run.

Purpose: keeps the entries in the workflow's memory, and advances the saga with the same executor as every engine.
Invariant: an entry is in the history before what depends on it: with the activity that sends a command go all entries
that are not there yet, and so they do with the answer to an act.

::

    begin ──▶ live ──stopped──▶ rests (ended, suspended or parked) ──an act, a signal, a due time──▶ live, by a replay

A saga that rests goes on as one that was recovered does: its code is given what the journal holds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.engine.run.executor import Executor
from orchestrator.engine.run.journal_time import JournalTime
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.replay.gate import ReplayGate
from orchestrator.engine.run.stop_control import Halt
from orchestrator.engine.temporal.hosting.entries import HostedEntries
from orchestrator.engine.temporal.hosting.ports import EntryClock, ServerClock, Unobserved
from orchestrator.engine.temporal.names import ENGINE
from orchestrator.journal.entries import SagaWoken, WaitEnded
from orchestrator.journal.fold import fold
from orchestrator.journal.outbox import outbox_of
from orchestrator.journal.state import CLAIMABLE, Status
from orchestrator.journal.waiting import due_waits, matches
from orchestrator.journal.waits import WaitEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.engine.temporal.hosting.outgoing import Outgoing
    from orchestrator.engine.temporal.hosting.serving import Serving
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.reason import Reason


class HostedSaga:
    """One saga in a workflow.

    Args:
        serving: what the worker serves.
        saga_id: the saga.
        entries: its journal so far.
        chance: evenly drawn from [0, 1), the same in every replay of the workflow.
        appended: called after each append.
        tells: there are sinks, which are told of its life, too.
        outgoing: what its workflow hands to the server.

    Attributes:
        state: of the saga, up to its latest entry.
        journal: its entries.
        told: how many the observer was told.
        outbox: what the saga has told others so far, in order; kept where there are sinks.
        leaving: it is about to go on in a new run of its workflow.
        clock: the instants of entries.
        timers: the time by the server's timers.
        time: the time by which waits of the saga are due.
    """

    def __init__(
        self,
        serving: Serving,
        saga_id: str,
        entries: list[Entry],
        chance: Callable[[], float],
        appended: Callable[[], None],
        outgoing: Outgoing,
        *,
        tells: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._serving = serving
        self._chance = chance
        self._tells = tells
        self.outgoing = outgoing
        self.outbox = outbox_of(saga_id, entries, 0, tells_life=True) if tells else []
        self.journal = HostedEntries(entries, self.outbox, appended, outgoing)
        self.clock = EntryClock(loop, entries[-1].at)
        self.timers = ServerClock(loop)
        self.time = JournalTime(self.timers)
        self._executor: Executor | None = None
        self.state = fold(saga_id, entries)
        self.told = 0
        self.leaving = False

    @property
    def entries(self) -> Sequence[Entry]:
        """The journal."""
        return self.journal.entries

    @property
    def executor(self) -> Executor | None:
        """What advances the saga; ``None`` where it rests."""
        return None if self._executor is None or self._executor.stopped.done() else self._executor

    def begin(self) -> None:
        """Advance a new saga."""
        self._launch(self._writer(), None, None)

    def go_on(self, *why: Entry, rollback: Reason | None = None) -> Executor:
        """Advance a saga that rests, or was advanced by another run of the workflow.

        Args:
            why: it goes on; journalled before anything else.
            rollback: a reason to go backward.
        """
        writer = self._writer()
        for each in why:
            writer.record(each)
        if rollback is None and not self.state.rollback and not any(matches(self.state)):
            for wait in due_waits(self.state, self.time.now()):
                writer.record(WaitEnded(self.clock.now(), wait.key, WaitEnd.DUE))
        return self._launch(writer, ReplayGate(self.state), rollback)

    def stay(self) -> None:
        """It cannot leave: go on where it stands."""
        self.leaving = False
        if self.state.status in CLAIMABLE:
            self.go_on()

    def wake(self, why: str) -> SagaWoken:
        """What is journalled first where a parked saga goes on."""
        return SagaWoken(self.clock.now(), ENGINE, why)

    def leave(self) -> None:
        """Stop where it stands: attempts in flight are awaited, and no new ones are made."""
        self.leaving = True
        if self.executor is not None:
            self.executor.halt()

    @property
    def due_in(self) -> float | None:
        """Seconds until a parked saga is due; ``None`` where no time wakes it."""
        if self.executor is not None or self.state.status is not Status.WAITING or not self.state.wake_at:
            return None
        return max(0.0, (self.state.wake_at - self.time.now()) / 1e9)

    async def suspend(self, reason: Reason) -> None:
        """Stop in front of an operator; nothing where it rests."""
        if self.executor is not None:
            await self.executor.pause(reason)

    async def record(self, *entries: Entry) -> None:
        """Journal entries while the saga rests."""
        writer = self._writer()
        for each in entries:
            writer.record(each)
        await writer.persist()

    def _writer(self) -> SagaWriter:
        return SagaWriter(
            self.state,
            self.journal,  # type: ignore[arg-type]  # a run asks a journal for nothing but to append
            Unobserved(),
            owner=ENGINE,
            token=1,
            sequence=len(self.entries),
            tells_life=self._tells,
        )

    def _launch(self, writer: SagaWriter, gate: ReplayGate | None, rollback: Reason | None) -> Executor:
        served = self._serving.served.find(self.state.definition, self.state.version)
        executor = Executor(served, writer, self._serving.bindings, self.clock, self._chance, self.time, gate)
        self._executor = executor
        executor.launch(rollback)
        return executor

    @property
    def failed(self) -> BaseException | None:
        """Why the executor could not even suspend the saga, if it could not."""
        executor = self._executor
        return None if executor is None or not executor.stopped.done() else executor.stopped.exception()

    @property
    def left(self) -> bool:
        """It has stopped, to go on in a new run of its workflow."""
        executor = self._executor
        stopped = executor is not None and executor.stopped.done() and executor.stopped.exception() is None
        return self.leaving and (executor is None or (stopped and isinstance(executor.stopped.result(), Halt)))
