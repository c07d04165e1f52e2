r"""Advances one saga, from its start or from wherever its journal says it is, to an end.

Purpose: runs the saga's code forward and, where that stops, rolls back or suspends.
Invariant: no effectful command leaves before its intent is durable, and no compensation before the rollback is.

::

    launch ──▶ forward: the saga's code ──returned──▶ SagaCompleted
                  │            │
                  │ rejected,  │ diverged, broken code, refused after the pivot
                  │ cancelled  ▼
                  ▼         SagaSuspended
               RollbackBegan ──▶ compensations, in reverse ──▶ SagaCompensated
                                       │ refused, or an effect that nothing takes back
                                       ▼
                                  SagaSuspended

When the journal refuses, the executor stops without a word more; the worker recovers the saga, or another replica
already has.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from orchestrator.contract.command import Effect
from orchestrator.definition.context import running_saga
from orchestrator.engine import failpoints
from orchestrator.engine.delivery import Courier
from orchestrator.engine.entries import RollbackBegan, SagaCompleted, SagaSuspended
from orchestrator.engine.forward import Forward
from orchestrator.engine.rollback import Rollback
from orchestrator.engine.state import (
    REASON_CANCELLED,
    REASON_DEFINITION_MISSING,
    REASON_REJECTED_AFTER_PIVOT,
    Reason,
    Status,
)
from orchestrator.engine.stopping import Brake, Fail, Halt, RollBack, Stop, Suspend
from orchestrator.errors import CancelRefused, JournalError, SagaExists

if TYPE_CHECKING:
    from orchestrator.engine.bindings import Bindings
    from orchestrator.engine.ports import Chance, Clock
    from orchestrator.engine.replay import ReplayGate
    from orchestrator.engine.served import ServedSaga
    from orchestrator.engine.state import SagaState
    from orchestrator.engine.writer import SagaWriter


class Executor:
    """Advances one saga under one claim.

    Attributes:
        stopped: done when this executor does no more. Its result is ``None`` when the saga has ended or is
            suspended, ``Halt`` when the process ends, ``Fail`` when the journal refused.
    """

    __slots__ = ("_brake", "_clock", "_forward", "_recovered", "_rollback", "_rollback_began", "_writer", "stopped")

    def __init__(
        self,
        served: ServedSaga | None,
        writer: SagaWriter,
        bindings: Bindings,
        clock: Clock,
        chance: Chance,
        gate: ReplayGate | None = None,
    ) -> None:
        self._recovered = gate is not None
        loop = asyncio.get_running_loop()
        self.stopped: asyncio.Future[Stop | None] = loop.create_future()
        self._rollback_began: asyncio.Future[None] | None = None
        self._writer = writer
        self._clock = clock
        self._brake = Brake()
        courier = Courier(writer, self._brake, clock, chance)
        self._forward = None if served is None else Forward(served, writer, self._brake, courier, clock, gate)
        self._rollback = Rollback(writer, self._brake, courier, bindings, clock)

    @property
    def state(self) -> SagaState:
        """The saga's state, up to its latest entry, durable or not."""
        return self._writer.state

    def launch(self, rollback: Reason | None = None) -> None:
        """Begin, in a task of its own; with a reason to roll back, backward."""
        task = asyncio.ensure_future(self._run(rollback))
        self._brake.attach(task)
        task.add_done_callback(self._finish)

    def halt(self) -> None:
        """Stop because this process ends. Attempts in flight are awaited, new ones are not made."""
        self._brake.pull(Halt())

    async def ensure_started(self) -> None:
        """Wait until the start is durable, which it becomes now if the saga has not sent anything yet.

        Raises:
            JournalError: it is not.
            SagaExists: there is a saga of this id.
        """
        if not self._writer.started.done():
            # Shielded: the caller may go away, the write may not.
            await asyncio.shield(asyncio.ensure_future(self._persist_start()))
        await asyncio.shield(self._writer.started)

    async def cancel(self, reason: str, requested_by: str) -> None:
        """Roll back; returns when the rollback is durable. Does nothing where one is under way already.

        Raises:
            CancelRefused: the pivot was accepted, or the saga has completed.
        """
        if self._forward is not None:
            await self._forward.pivot_settled()
        if not self.state.rollback:
            refuse_cancel(self.state)
            self._brake.pull(RollBack(Reason(REASON_CANCELLED, reason, requested_by=requested_by)))
        if self._rollback_began is None:
            self._rollback_began = asyncio.get_running_loop().create_future()
            if self.state.rollback:
                self._rollback_began.set_result(None)
        either: set[asyncio.Future[Any]] = {self._rollback_began, self.stopped}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self.state.rollback:
            refuse_cancel(self.state)

    async def _run(self, rollback: Reason | None) -> Stop | None:
        running_saga.set(self._forward)  # type: ignore[arg-type]  # code runs only where there is a forward run
        try:
            if self._recovered and rollback is None:
                # The numbers of the attempts that an earlier process left behind must not be used again.
                await self._brake.persist(self._writer)
            if rollback is not None:
                await self._begin_rollback(rollback)
            elif not self.state.rollback:
                await self._end_forward(await self._go_forward())
            if self.state.rollback and self.state.status is Status.COMPENSATING:
                await self._rollback.run()
        except asyncio.CancelledError:
            if self._brake.stop is None:
                raise
            stop = self._brake.uncancel()
            if isinstance(stop, Halt):
                await self._leave_tidy()
            return stop
        failpoints.reach("ended", "")
        return None

    async def _go_forward(self) -> Stop | bytes:
        if self._forward is None:
            message = f"no saga {self.state.definition} v{self.state.version} is served; serve the module that holds it"
            return Suspend(Reason(REASON_DEFINITION_MISSING, message))
        return await self._forward.run()

    async def _end_forward(self, end: Stop | bytes) -> None:
        """Journal where the forward run has led."""
        if isinstance(end, RollBack) and self.state.pivoted:
            end = Suspend(end.reason._replace(code=REASON_REJECTED_AFTER_PIVOT))
        if isinstance(end, bytes):
            self._writer.record(SagaCompleted(self._clock.now(), end))
            await self._brake.persist(self._writer)
        elif isinstance(end, RollBack):
            self._brake.release()
            await self._begin_rollback(end.reason)
        elif isinstance(end, Suspend):
            self._brake.release()
            self._writer.record(SagaSuspended(self._clock.now(), end.reason))
            await self._brake.persist(self._writer)
        else:
            raise asyncio.CancelledError

    async def _begin_rollback(self, reason: Reason) -> None:
        self._writer.record(RollbackBegan(self._clock.now(), reason))
        await self._brake.persist(self._writer)
        failpoints.reach("rollback_began", reason.step_key)
        if self._rollback_began is not None and not self._rollback_began.done():
            self._rollback_began.set_result(None)

    async def _leave_tidy(self) -> None:
        """Make durable what is known, to spare whoever carries on from asking again."""
        try:
            await self._writer.persist()
        except JournalError:
            return

    async def _persist_start(self) -> None:
        try:
            await self._writer.persist()
        except (JournalError, SagaExists) as error:
            self._brake.pull(Fail(error))

    def _finish(self, task: asyncio.Task[Stop | None]) -> None:
        if self.stopped.done():
            return
        if task.cancelled():
            self.stopped.set_result(Halt())
        elif error := task.exception():
            self.stopped.set_exception(error)
        else:
            self.stopped.set_result(task.result())


def refuse_cancel(state: SagaState) -> None:
    """Say why a saga cannot be cancelled, if it cannot.

    Raises:
        CancelRefused: the pivot was accepted, or the saga has completed.
    """
    if state.status is Status.COMPLETED:
        raise CancelRefused(state.saga_id, "SAGA_ENDED", f"saga {state.saga_id} has completed")
    if state.pivoted:
        pivot = next(command.key for command in state.commands.values() if command.effect is Effect.PIVOT)
        message = f"saga {state.saga_id} is past its point of no return, {pivot}; it only goes forward now"
        raise CancelRefused(state.saga_id, "PAST_PIVOT", message)
