r"""Advances one saga, from its start or from wherever its journal says it is, to an end.

Purpose: runs the saga's code forward and, where that stops, rolls back or suspends.
Invariant: no effectful command leaves before its intent is durable, and no compensation before the rollback is.

::

    launch ──▶ forward: the saga's code ──returned──▶ SagaCompleted
                  │            │
                  │ rejected,  │ diverged, broken code, refused after the pivot
                  │ cancelled  ▼                   waits for long ──▶ SagaParked
                  ▼         SagaSuspended      (what the code went on without is compensated before SagaCompleted)
               RollbackBegan ──▶ compensations, in reverse ──▶ SagaCompensated
                                       │ refused, or an effect that nothing takes back
                                       ▼
                                  SagaSuspended

When the journal refuses, the executor stops and writes no more; the worker recovers the saga, or another replica
already has. Where the executor itself fails, the saga is suspended: trying again would fail again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from orchestrator.definition.context import is_best_effort, running_saga, scope_path
from orchestrator.engine.run import failpoints
from orchestrator.engine.run.commands.command_execution import CommandExecution
from orchestrator.engine.run.commands.command_issuer import CommandIssuer
from orchestrator.engine.run.context import RunContext
from orchestrator.engine.run.first_done import first_done
from orchestrator.engine.run.forward.code import Forward
from orchestrator.engine.run.forward.deadline import watch_deadline
from orchestrator.engine.run.forward.endings import weighed_end
from orchestrator.engine.run.replay.gate import replayed
from orchestrator.engine.run.rollback.compensations import Rollback
from orchestrator.engine.run.sending.backoff import InterruptibleBackoff
from orchestrator.engine.run.sending.command_sender import CommandSender
from orchestrator.engine.run.stop_control import Fail, Halt, Park, RollBack, Stop, StopControl, Suspend
from orchestrator.engine.run.suspension import tell_suspended
from orchestrator.errors import ClaimLost, JournalError, SagaExists
from orchestrator.journal.entries import RetryRequested, RollbackBegan, SagaCompleted, SagaParked, SagaSuspended
from orchestrator.journal.logged import about_saga
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import UNFINISHED, Status
from orchestrator.journal.waiting import next_due

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.run.context import SagaCode
    from orchestrator.engine.run.journal_time import JournalTime
    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.engine.run.replay.gate import ReplayGate
    from orchestrator.engine.sagas import Waiting
    from orchestrator.errors import OrchestratorError
    from orchestrator.journal.entries import ActProposed, SignalReceived
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.random import RandomSource

_log = logging.getLogger(__name__)


class Executor:
    """Advances one saga under one claim.

    Attributes:
        stopped: done when this executor does no more. Its result is ``None`` when the saga has ended, is
            suspended or parked, ``Halt`` when the process ends, ``Fail`` when the journal refused.
    """

    __slots__ = (
        "_backoff",
        "_bindings",
        "_clock",
        "_deadline",
        "_forward",
        "_gate",
        "_random_source",
        "_rollback_began",
        "_stop_control",
        "_time",
        "_writer",
        "stopped",
    )

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
        self._gate = gate
        self._time = time
        loop = asyncio.get_running_loop()
        self.stopped: asyncio.Future[Stop | None] = loop.create_future()
        self._rollback_began: asyncio.Future[None] = loop.create_future()
        if writer.state.rollback:  # as the journal says
            self._rollback_began.set_result(None)
        self._writer = writer
        self._bindings = bindings
        self._clock = clock
        self._random_source = random_source
        self._stop_control = StopControl()
        self._backoff = InterruptibleBackoff()
        self._deadline: asyncio.Future[None] | None = None
        self._forward: Forward | None = None
        if code is not None:
            context = self._context()
            issuer = CommandIssuer(code, context, CommandExecution(context), bindings, gate)
            self._forward = Forward(code, context, issuer)

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

    def launch(self, rollback: Reason | None = None) -> None:
        """Begin, in a task of its own; with a reason to roll back, backward."""
        task = asyncio.ensure_future(self._run(rollback))
        self._stop_control.attach(task)
        task.add_done_callback(self._finish)
        if self.state.forward_until and rollback is None and not self.state.rollback:
            self._deadline = asyncio.ensure_future(watch_deadline(self._context(), self._forward))

    def halt(self) -> None:
        """Stop because this process ends. Attempts in flight are awaited, new ones are not made."""
        self._stop_control.request_stop(Halt())

    def give_way(self) -> None:
        """Stop because the saga was claimed again, and goes on elsewhere."""
        self._stop_control.request_stop(Fail(ClaimLost(f"saga {self.state.saga_id} was claimed anew")))

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
        if self._forward is not None:
            await self._unless_stopped(asyncio.ensure_future(self._forward.issuer.pivot_settled()))
        if not self.state.rollback and not self.stopped.done():
            refuse(self.state)
            self._stop_control.request_stop(RollBack(reason))
        await first_done(self._rollback_began, self.stopped)
        return self._rollback_began.done()

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
            if self.state.status is not Status.RUNNING or self._stop_control.stop is not None:
                await first_done(self._rollback_began, self.stopped)
                return False
            self._writer.record(entry)
            if self._forward is not None:
                self._forward.issuer.waits.wake()
        await self.ensure_persisted()
        return True

    async def pause(self, reason: Reason) -> None:
        """Suspend the saga, forward or backward, once no attempt is in flight; returns when that is durable."""
        self._stop_control.request_stop(Suspend(reason))
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
        if isinstance(self._stop_control.stop, Fail):
            raise self._stop_control.stop.error

    async def _unless_stopped(self, waiting: asyncio.Future[None]) -> None:
        try:
            await first_done(waiting, self.stopped)
        finally:
            waiting.cancel()

    async def _run(self, reason: Reason | None) -> Stop | None:
        """Advance the saga; with a reason to roll back, backward."""
        if self._forward is not None:
            running_saga.set(self._forward.issuer)
        # It may have been started, or recovered, from within the code of another saga.
        scope_path.set("")
        is_best_effort.set(False)
        stop = await self._until_stopped(self._advance_or_suspend(reason))
        if isinstance(stop, Suspend):  # paused while it was compensating
            self._renew_stop_control()
            stop = await self._until_stopped(self._suspend(stop.reason))
        if isinstance(stop, Halt):
            await self._leave_tidy()
        if stop is None:
            failpoints.reach("ended", "")
        return stop

    async def _until_stopped(self, work: Coroutine[object, object, None]) -> Stop | None:
        """Do something to the end, or until the stop control stops it; why, then."""
        try:
            await work
        except asyncio.CancelledError:
            if self._stop_control.stop is None:
                raise
            return self._stop_control.uncancel()
        return None

    async def _advance_or_suspend(self, reason: Reason | None) -> None:
        try:
            if self._gate is not None and reason is None:
                # The numbers of the attempts that an earlier process left behind must not be used again.
                await self._stop_control.persist(self._writer)
            await self._advance(reason)
        except Exception as error:
            if self.state.status not in UNFINISHED:
                raise
            saga_id, about = self.state.saga_id, about_saga(self.state)
            _log.critical("saga %s: the engine itself failed", saga_id, exc_info=error, extra=about)
            self._renew_stop_control()
            await self._suspend(Reason(ReasonCode.ENGINE_FAILED, f"{type(error).__name__}: {error}"))

    async def _advance(self, reason: Reason | None) -> None:
        if reason is None and not self.state.rollback:
            end = self._refuse_to_guess() if self._forward is None else await self._run_code(self._forward)
            if isinstance(end, bytes):
                end = await self._settle_abandoned(end)
            reason = await self._end_forward(end)
        if reason is None and self.state.status is not Status.COMPENSATING:
            return
        rollback = self._rollback()
        if reason is not None:
            await self._begin_rollback(reason, rollback)
        await rollback.run()

    async def _run_code(self, forward: Forward) -> Stop | bytes:
        if self._gate is None:
            return await forward.run()
        return await replayed(forward.run(), self._gate, self._stop_control)

    def _rollback(self) -> Rollback:
        return Rollback(self._context(), self._bindings)

    def _context(self) -> RunContext:
        """What a run from here on works with."""
        sender = CommandSender(self._writer, self._stop_control, self._backoff, self._clock, self._random_source)
        return RunContext(self._writer, self._stop_control, sender, self._clock, self._random_source, self._time)

    async def _settle_abandoned(self, result: bytes) -> Stop | bytes:
        """The code has returned: compensate what it went on without; its result, or why the saga stops."""
        try:
            reason = await self._rollback().compensate_abandoned()
            if self._stop_control.stop is not None:
                await self._stop_control.await_cancellation()
        except asyncio.CancelledError:
            if self._stop_control.stop is None:
                raise
            return self._stop_control.uncancel()
        return result if reason is None else Suspend(reason)

    def _refuse_to_guess(self) -> Suspend:
        message = f"no saga {self.state.definition} v{self.state.version} is served; serve the module that holds it"
        return Suspend(Reason(ReasonCode.DEFINITION_MISSING, message))

    async def _end_forward(self, end: Stop | bytes) -> Reason | None:
        """Journal where the forward run has led; why to roll back now, if so."""
        if isinstance(end, (Halt, Fail)):
            raise asyncio.CancelledError
        if isinstance(end, bytes):
            self._writer.record(SagaCompleted(self._clock.now(), end))
            await self._stop_control.persist(self._writer)
            return None
        overtaken = self._stop_control.overtaken
        self._renew_stop_control()
        if isinstance(end, Park):
            await self._park(overtaken=overtaken)
            return None
        end = weighed_end(end, self.state)
        if isinstance(end, RollBack):
            return end.reason
        await self._suspend(end.reason)
        return None

    def _renew_stop_control(self) -> None:
        """What the code has left behind stays stopped; this task goes on."""
        self._stop_control.detach()
        self._stop_control = StopControl()
        task = asyncio.current_task()
        assert task is not None
        self._stop_control.attach(task)

    async def _park(self, *, overtaken: bool) -> None:
        """Journal that the saga waits; where its code went on since that was decided, it is due at once."""
        now = self._clock.now()
        due = next_due(self.state)
        self._writer.record(SagaParked(now, min(due or self._time.now(), self._time.now()) if overtaken else due))
        await self._stop_control.persist(self._writer)

    async def _suspend(self, reason: Reason) -> None:
        self._writer.record(SagaSuspended(self._clock.now(), reason))
        await self._stop_control.persist(self._writer)
        tell_suspended(self._writer.state, reason)

    async def _begin_rollback(self, reason: Reason, rollback: Rollback) -> None:
        self._writer.record(RollbackBegan(self._clock.now(), reason))
        rollback.intend()
        await self._stop_control.persist(self._writer)
        failpoints.reach("rollback_began", reason.step_key)
        self._rollback_began.set_result(None)

    async def _leave_tidy(self) -> None:
        """Make durable what is known: the process that recovers the saga then need not ask again."""
        try:
            await self._writer.persist()
        except JournalError:
            return

    async def _persist_now(self) -> OrchestratorError | None:
        """Make everything durable; why it is not, if it is not. Then the saga stops, unless it is stopping already."""
        try:
            await self._writer.persist()
        except (JournalError, SagaExists) as error:
            self._stop_control.request_stop(Fail(error))
            return error
        return None

    def _finish(self, task: asyncio.Task[Stop | None]) -> None:
        self._stop_control.detach()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._forward is not None:
            self._forward.issuer.waits.parking.close()
        if self.stopped.done():
            return
        if task.cancelled():
            self.stopped.set_result(Halt())
        elif error := task.exception():
            self.stopped.set_exception(error)
        else:
            self.stopped.set_result(task.result())
