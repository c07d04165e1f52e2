r"""One run of a saga: from its start, or from wherever its journal says that it is, to an end.

Purpose: runs the saga's code forward and, where that stops, rolls back or suspends.
Invariant: no effectful command leaves before its intent is durable, and no compensation before the rollback is.

::

    launch ──▶ forward: the saga's code ──returned──▶ SagaCompleted
                  │            │
                  │ rejected,  │ diverged, broken code, refused after the pivot
                  │ cancelled  ▼                   waits for long ──▶ SagaParked
                  ▼         SagaSuspended      (what the code went on without is compensated before SagaCompleted)
               RollbackBegan ──▶ compensations, in reverse ──▶ SagaCompensated
                                       │       └── in a queue for long ──▶ SagaParked
                                       │ refused, or an effect that nothing takes back
                                       ▼
                                  SagaSuspended

Where the engine itself fails, the saga is suspended: trying again would fail again.
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
from orchestrator.engine.run.forward.code import Forward
from orchestrator.engine.run.forward.endings import weighed_end
from orchestrator.engine.run.replay.gate import replayed
from orchestrator.engine.run.rollback.compensations import Rollback
from orchestrator.engine.run.sending.command_sender import CommandSender
from orchestrator.engine.run.stop_control import Fail, Halt, Park, RollBack, Stop, StopControl, Suspend
from orchestrator.engine.run.suspension import tell_suspended
from orchestrator.errors import JournalError
from orchestrator.journal.entries import RollbackBegan, SagaCompleted, SagaParked, SagaSuspended
from orchestrator.journal.logged import about_saga
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import UNFINISHED, Status
from orchestrator.journal.waiting import next_due, rests

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from orchestrator.engine.bindings.binding import Bindings
    from orchestrator.engine.run.context import SagaCode
    from orchestrator.engine.run.journal_time import JournalTime
    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.engine.run.replay.gate import ReplayGate
    from orchestrator.engine.run.sending.backoff import InterruptibleBackoff
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.random import RandomSource

_log = logging.getLogger(__name__)


class SagaRun:
    """Runs one saga under one claim; see :class:`~orchestrator.engine.run.executor.Executor` for the arguments.

    Args:
        backoff: what an operator may cut short.

    Attributes:
        stop_control: stops what goes on now; one that has stopped the code is followed by another one.
        rollback_began: done once it is durable that the saga rolls back.
        forward: runs the code; ``None`` where no code is served.
    """

    __slots__ = (
        "_backoff",
        "_bindings",
        "_clock",
        "_gate",
        "_halts",
        "_random_source",
        "_time",
        "_writer",
        "forward",
        "rollback_began",
        "stop_control",
    )

    def __init__(
        self,
        code: SagaCode | None,
        writer: SagaWriter,
        bindings: Bindings,
        clock: Clock,
        random_source: RandomSource,
        time: JournalTime,
        gate: ReplayGate | None,
        backoff: InterruptibleBackoff,
    ) -> None:
        self._writer = writer
        self._bindings = bindings
        self._clock = clock
        self._random_source = random_source
        self._time = time
        self._gate = gate
        self._backoff = backoff
        self._halts = False
        self.rollback_began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if writer.state.rollback:  # as the journal says
            self.rollback_began.set_result(None)
        self.stop_control = StopControl()
        self.forward: Forward | None = None
        if code is not None:
            context = self.context()
            issuer = CommandIssuer(code, context, CommandExecution(context), bindings, gate)
            self.forward = Forward(code, context, issuer)

    async def run(self, reason: Reason | None, suspension: Reason | None = None) -> Stop | None:
        """Advance the saga; with a reason to roll back, backward; with one to suspend it, suspend it instead."""
        if self.forward is not None:
            running_saga.set(self.forward.issuer)
        # It may have been started, or recovered, from within the code of another saga.
        scope_path.set("")
        is_best_effort.set(False)
        work = self._advance_or_suspend(reason) if suspension is None else self._suspend(suspension)
        stop = await self._until_stopped(work)
        if isinstance(stop, (Suspend, Park)):  # while it was compensating
            self._renew_stop_control()
            rest = self._suspend(stop.reason) if isinstance(stop, Suspend) else self._park(overtaken=False)
            stop = await self._until_stopped(rest)
        if isinstance(stop, Halt):
            await self._leave_tidy()
        if stop is None:
            failpoints.reach("ended", "")
        return stop

    def halt(self) -> None:
        """Stop because this process ends. What stops the code in order to roll back, first makes that durable."""
        self._halts = True
        self.stop_control.request_stop(Halt())

    async def _until_stopped(self, work: Coroutine[object, object, None]) -> Stop | None:
        """Do something to the end, or until the stop control stops it; why, then."""
        try:
            await work
        except asyncio.CancelledError:
            if self.stop_control.stop is None:
                raise
            return self.stop_control.uncancel()
        return None

    async def _advance_or_suspend(self, reason: Reason | None) -> None:
        try:
            if self._gate is not None and reason is None:
                # The numbers of the attempts that an earlier process left behind must not be used again.
                await self.stop_control.persist(self._writer)
            await self._advance(reason)
        except Exception as error:
            if self._writer.state.status not in UNFINISHED:
                raise
            saga_id, about = self._writer.state.saga_id, about_saga(self._writer.state)
            _log.critical("saga %s: the engine itself failed", saga_id, exc_info=error, extra=about)
            self._renew_stop_control()
            await self._suspend(Reason.raised(ReasonCode.ENGINE_FAILED, error, f"{type(error).__name__}: "))

    async def _advance(self, reason: Reason | None) -> None:
        if reason is None and not self._writer.state.rollback:
            end = self._refuse_to_guess() if self.forward is None else await self._run_code(self.forward)
            if isinstance(end, bytes):
                end = await self._settle_abandoned(end)
            reason = await self._end_forward(end)
        if reason is None and self._writer.state.status is not Status.COMPENSATING:
            return
        rollback = self._rollback()
        if reason is not None:
            await self._begin_rollback(reason, rollback)
        if self._halts:
            self.stop_control.request_stop(Halt())
        await rollback.run()

    async def _run_code(self, forward: Forward) -> Stop | bytes:
        if self._gate is None:
            return await forward.run()
        return await replayed(forward.run(), self._gate, self.stop_control)

    def _rollback(self) -> Rollback:
        return Rollback(self.context(), self._bindings)

    def context(self) -> RunContext:
        """What a run from here on works with."""
        sender = CommandSender(self._writer, self.stop_control, self._backoff, self._clock, self._random_source)
        return RunContext(self._writer, self.stop_control, sender, self._clock, self._random_source, self._time)

    async def _settle_abandoned(self, result: bytes) -> Stop | bytes:
        """The code has returned: compensate what it went on without; its result, or why the saga stops."""
        self.stop_control.overtaken = False  # no code goes on any more
        try:
            reason = await self._rollback().compensate_abandoned()
            if self.stop_control.stop is not None:
                await self.stop_control.await_cancellation()
        except asyncio.CancelledError:
            if self.stop_control.stop is None:
                raise
            return self.stop_control.uncancel()
        return result if reason is None else Suspend(reason)

    def _refuse_to_guess(self) -> Suspend:
        state = self._writer.state
        message = f"no saga {state.definition} v{state.version} is served; serve the module that holds it"
        return Suspend(Reason(ReasonCode.DEFINITION_MISSING, message))

    async def _end_forward(self, end: Stop | bytes) -> Reason | None:
        """Journal where the forward run has led; why to roll back now, if so."""
        if isinstance(end, (Halt, Fail)):
            raise asyncio.CancelledError
        if isinstance(end, bytes):
            self._writer.record(SagaCompleted(self._clock.now(), end))
            await self.stop_control.persist(self._writer)
            return None
        overtaken = self.stop_control.overtaken
        self._renew_stop_control()
        if isinstance(end, Park):
            await self._park(overtaken=overtaken)
            return None
        end = weighed_end(end, self._writer.state)
        if isinstance(end, RollBack):
            return end.reason
        await self._suspend(end.reason)
        return None

    def _renew_stop_control(self) -> None:
        """What the code has left behind stays stopped; this task goes on."""
        self.stop_control.detach()
        self.stop_control = StopControl()
        task = asyncio.current_task()
        assert task is not None
        self.stop_control.attach(task)

    async def _park(self, *, overtaken: bool) -> None:
        """Journal that the saga waits; where it went on since that was decided, it is due at once."""
        now, state = self._clock.now(), self._writer.state
        due = next_due(state)
        if overtaken or not rests(state):
            due = min(due or self._time.now(), self._time.now())
        self._writer.record(SagaParked(now, due))
        await self.stop_control.persist(self._writer)

    async def _suspend(self, reason: Reason) -> None:
        self._writer.record(SagaSuspended(self._clock.now(), reason))
        await self.stop_control.persist(self._writer)
        tell_suspended(self._writer.state, reason)

    async def _begin_rollback(self, reason: Reason, rollback: Rollback) -> None:
        self._writer.record(RollbackBegan(self._clock.now(), reason))
        rollback.intend()
        await self.stop_control.persist(self._writer)
        failpoints.reach("rollback_began", reason.step_key)
        self.rollback_began.set_result(None)

    async def _leave_tidy(self) -> None:
        """Make durable what is known: the process that recovers the saga then need not ask again."""
        try:
            await self._writer.persist()
        except JournalError:
            return
