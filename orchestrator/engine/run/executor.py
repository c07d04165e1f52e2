r"""Advances one saga under one claim, and does what is asked of it while it is live.

Purpose: one door to a saga that is live: it is launched, given signals, cancelled, paused, and asked how it stands.
Invariant: what is asked for is answered once it is durable, or once this executor does no more.

::

    launch ──▶ SagaRun, in a task of its own ──▶ stopped: ended, suspended, parked; or halted, or the journal refused
                ▲            ▲
                signal       cancel, pause, halt, give_way: by the stop control of the run

When the journal refuses, the executor stops and writes no more; the worker recovers the saga, or another replica
already has.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.engine.run.first_done import first_done
from orchestrator.engine.run.forward.deadline import watch_deadline
from orchestrator.engine.run.saga_run import SagaRun
from orchestrator.engine.run.sending.backoff import InterruptibleBackoff
from orchestrator.engine.run.stop_control import Fail, Halt, RollBack, Stop, Suspend
from orchestrator.errors import ClaimLost, JournalError, SagaExists
from orchestrator.journal.entries import RetryRequested
from orchestrator.journal.state import UNFINISHED, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.run.context import SagaCode
    from orchestrator.engine.run.journal_time import JournalTime
    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.engine.run.replay.gate import ReplayGate
    from orchestrator.engine.sagas import Waiting
    from orchestrator.errors import OrchestratorError
    from orchestrator.journal.entries import ActProposed, SignalReceived
    from orchestrator.journal.reason import Reason
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.random import RandomSource


class Executor:
    """Advances one saga under one claim.

    Attributes:
        stopped: done when this executor does no more. Its result is ``None`` when the saga has ended, is
            suspended or parked, ``Halt`` when the process ends, ``Fail`` when the journal refused.
    """

    __slots__ = ("_backoff", "_clock", "_deadline", "_run", "_writer", "stopped")

    def __init__(
        self,
        code: SagaCode | None,
        writer: SagaWriter,
        bindings: Bindings,
        clock: Clock,
        random_source: RandomSource,
        time: JournalTime,
        gate: ReplayGate | None = None,
    ) -> None:
        self.stopped: asyncio.Future[Stop | None] = asyncio.get_running_loop().create_future()
        self._writer = writer
        self._clock = clock
        self._backoff = InterruptibleBackoff()
        self._deadline: asyncio.Future[None] | None = None
        self._run = SagaRun(code, writer, bindings, clock, random_source, time, gate, self._backoff)

    @property
    def state(self) -> SagaState:
        """The saga's state, up to its latest entry, durable or not."""
        return self._writer.state

    @property
    def waiting(self) -> list[Waiting]:
        """What it waits for at this moment before it sends something."""
        return self._backoff.waits.now()

    @property
    def token(self) -> int:
        """The fencing token of the claim under which it advances the saga."""
        return self._writer.token

    @property
    def has_written(self) -> bool:
        """Something that it has recorded is durable: first of all, that the saga starts, or goes on."""
        return self._writer.has_written

    def launch(self, rollback: Reason | None = None, suspension: Reason | None = None) -> None:
        """Begin, in a task of its own; with a reason to roll back, backward; with one to suspend, only suspend."""
        task = asyncio.ensure_future(self._run.run(rollback, suspension))
        self._run.stop_control.attach(task)
        task.add_done_callback(self._finish)
        if self.state.forward_until and rollback is suspension is None and not self.state.rollback:
            self._deadline = asyncio.ensure_future(watch_deadline(self._run.context(), self._run.forward))

    def halt(self) -> None:
        """Stop because this process ends. Attempts in flight are awaited, new ones are not made."""
        self._run.halt()

    def give_way(self) -> None:
        """Stop because the saga was claimed again, and goes on elsewhere."""
        self._run.stop_control.request_stop(Fail(ClaimLost(f"saga {self.state.saga_id} was claimed anew")))

    async def ensure_started(self) -> None:
        """Wait until the start is durable, which it becomes now if the saga has not sent anything yet.

        Raises:
            JournalError: it is not.
            SagaExists: there is a saga of this id.
        """
        if not self._writer.started.done():
            # Shielded: the caller may go away, the write may not.
            await asyncio.shield(asyncio.ensure_future(self._persist_now()))
            await asyncio.shield(self._writer.started)
        self._writer.started.result()

    async def settled_state(self) -> SagaState | None:
        """The state, once its start is durable and, if it has ended or is suspended, that is, too.

        ``None`` where this executor lost the saga: then only the journal knows.

        Raises:
            JournalError: the start is not durable.
            SagaExists: there is a saga of this id.
        """
        await self.ensure_started()
        if self.state.status not in UNFINISHED:
            if not self.stopped.done():
                await first_done(self.stopped)
            if self.stopped.exception() is not None or self.stopped.result() is not None:
                return None
        return self.state

    async def cancel(self, reason: Reason, refuse: Callable[[SagaState], None]) -> bool:
        """Roll back, and wait until that is durable; whether it is. Does nothing where a rollback is under way.

        It is not where the saga has ended or was stopped for another reason; then this executor does no more.

        Args:
            reason: why.
            refuse: raises where the saga's state forbids it.
        """
        if self._run.forward is not None:
            await self._unless_stopped(asyncio.ensure_future(self._run.forward.issuer.pivot_settled()))
        if not self.state.rollback and not self.stopped.done():
            refuse(self.state)
            self._run.stop_control.request_stop(RollBack(reason))
        await first_done(self._run.rollback_began, self.stopped)
        return self._run.rollback_began.done()

    async def signal(self, received: Callable[[SagaState], SignalReceived | ActProposed | None]) -> bool:
        """Give the saga a signal, and wait until that is durable; whether it is.

        It is not where the saga was stopped before: then it is asked again, as it stands by then.

        Args:
            received: what is to be journalled; ``None`` where it is already. It raises where the saga's state forbids
                it.

        Raises:
            JournalError: it is not durable.
        """
        await self.ensure_started()
        entry = received(self.state)
        if entry is not None:
            if self.state.status is not Status.RUNNING or self._run.stop_control.stop is not None:
                await first_done(self._run.rollback_began, self.stopped)
                return False
            self._writer.record(entry)
            if self._run.forward is not None:
                self._run.forward.issuer.waits.wake()
        await self.ensure_persisted()
        return True

    async def pause(self, reason: Reason) -> None:
        """Suspend the saga, forward or backward, once no attempt is in flight; returns when that is durable."""
        self._run.stop_control.request_stop(Suspend(reason))
        await first_done(self.stopped)

    def retry_now(self, reason: Reason) -> bool:
        """Make the next attempts at once; whether any was waiting for its backoff to end."""
        if not self._backoff.wake():
            return False
        self._writer.record(RetryRequested(self._clock.now(), reason))
        return True

    @property
    def backs_off(self) -> bool:
        """An attempt waits for its backoff to end."""
        return self._backoff.holds

    async def ensure_persisted(self) -> None:
        """Wait until everything that is known now is durable.

        Raises:
            JournalError: it is not.
        """
        # Shielded: the caller may go away, the write may not.
        error = await asyncio.shield(asyncio.ensure_future(self._persist_now()))
        if error is not None:
            raise error
        if isinstance(self._run.stop_control.stop, Fail):
            raise self._run.stop_control.stop.error

    async def _unless_stopped(self, waiting: asyncio.Future[None]) -> None:
        try:
            await first_done(waiting, self.stopped)
        finally:
            waiting.cancel()

    async def _persist_now(self) -> OrchestratorError | None:
        """Make everything durable; why it is not, if it is not. Then the saga stops, unless it is stopping already."""
        try:
            await self._writer.persist()
        except (JournalError, SagaExists) as error:
            self._run.stop_control.request_stop(Fail(error))
            return error
        return None

    def _finish(self, task: asyncio.Task[Stop | None]) -> None:
        self._run.stop_control.detach()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._run.forward is not None:
            self._run.forward.issuer.waits.parking.close()
        if self.stopped.done():
            return
        if task.cancelled():
            self.stopped.set_result(Halt())
        elif error := task.exception():
            self.stopped.set_exception(error)
        else:
            self.stopped.set_result(task.result())
