"""Rolls one saga back: the compensation plan, carried out one by one.

Purpose: compensates, in reverse order of start, whatever may have an effect. Invariant: a compensation is sent only
when the one before it has succeeded, so the order is kept also across restarts; the first that is refused suspends
the saga with the rest still planned. All of them are intended before the first is sent, so a rollback waits for the
disk twice, however long it is: a process that comes after does not know which ones were sent, and sends those again
whose success is not journalled, as further attempts with the same keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import OnUnknown
from orchestrator.engine import failpoints
from orchestrator.engine.compensation import plan_compensations
from orchestrator.engine.delivery import Attempted, Courier, idempotency_key
from orchestrator.engine.entries import (
    AttemptFailed,
    CompensationBegan,
    CompensationCompleted,
    CompensationRejected,
    SagaCompensated,
    SagaPartiallyCompensated,
    SagaSuspended,
    compensation_key,
)
from orchestrator.engine.outcome import Completed, Rejected
from orchestrator.engine.preview import derive_compensation
from orchestrator.engine.state import (
    REASON_COMPENSATION_REJECTED,
    REASON_CONTRACT_MISSING,
    REASON_EFFECT_STANDS,
    REASON_UNKNOWN,
    CommandState,
    Reason,
)
from orchestrator.errors import CompensationUnderivable

if TYPE_CHECKING:
    from orchestrator.engine.bindings import Binding, Bindings
    from orchestrator.engine.ports import Clock
    from orchestrator.engine.stopping import Brake
    from orchestrator.engine.writer import SagaWriter


class Rollback:
    """The backward run of one saga."""

    __slots__ = ("_bindings", "_brake", "_clock", "_courier", "_requests", "_writer")

    def __init__(self, writer: SagaWriter, brake: Brake, courier: Courier, bindings: Bindings, clock: Clock) -> None:
        self._writer = writer
        self._brake = brake
        self._courier = courier
        self._bindings = bindings
        self._clock = clock
        self._requests: dict[str, bytes] = {}

    def intend(self) -> bool:
        """Record the compensations that are to come, up to the first that cannot be sent; whether there was any."""
        intended = False
        for command in plan_compensations(self._writer.state).compensations:
            prepared = self._prepare(command)
            if isinstance(prepared, Reason):
                break
            if command.compensation is None:
                self._writer.record(CompensationBegan(self._clock.now(), command.key, prepared.name))
                intended = True
        return intended

    async def run(self) -> None:
        """Compensate until nothing is left, or an operator must decide. ``RollbackBegan`` is durable."""
        if self.intend():
            await self._brake.persist(self._writer)
        plan = plan_compensations(self._writer.state)
        for command in plan.compensations:
            reason = await self._compensate(command)
            if reason is not None:
                return await self._suspend(reason)
        if plan.standing:
            names = ", ".join(command.key for command in plan.standing)
            return await self._suspend(Reason(REASON_EFFECT_STANDS, f"nothing takes back: {names}"))
        now = self._clock.now()
        self._writer.record(SagaPartiallyCompensated(now) if self._writer.state.skipped else SagaCompensated(now))
        await self._brake.persist(self._writer)
        return None

    async def _suspend(self, reason: Reason) -> None:
        self._writer.record(SagaSuspended(self._clock.now(), reason))
        await self._brake.persist(self._writer)

    async def _compensate(self, command: CommandState) -> Reason | None:
        """Compensate one command; why an operator must decide, if one must."""
        prepared = self._prepare(command)
        if isinstance(prepared, Reason):
            return prepared
        return self._settle(command, await self._deliver(prepared, command, self._requests[command.key]))

    def _prepare(self, command: CommandState) -> Binding | Reason:
        """Derive the request of a command's compensation; what sends it, or why an operator must decide."""
        binding = self._bindings.by_name(command.method)
        if binding is None or binding.compensation is None:
            message = f"no contract at hand says how to compensate {command.method}; serve a saga that uses it"
            return Reason(REASON_CONTRACT_MISSING, message, command.key)
        if command.key not in self._requests:
            try:
                self._requests[command.key] = derive_compensation(command, binding).SerializeToString()
            except CompensationUnderivable as error:
                return Reason(REASON_UNKNOWN, str(error), command.key)
        return binding.compensation[0]

    async def _deliver(self, undo: Binding, command: CommandState, request: bytes) -> Attempted:
        assert command.compensation is not None
        attempted = await self._courier.deliver(
            undo,
            compensation_key(command.key),
            request,
            command.compensation,
            timeout=undo.timeout,
            gives_up=undo.command.on_unknown is OnUnknown.SUSPEND,
            about=(("compensates", idempotency_key(self._writer.state.saga_id, command.key)),),
        )
        failpoints.reach("compensated", command.key)
        return attempted

    def _settle(self, command: CommandState, attempted: Attempted) -> Reason | None:
        outcome, attempt, started_at = attempted
        now = self._clock.now()
        if isinstance(outcome, Completed):
            self._writer.record(CompensationCompleted(now, command.key, attempt, started_at))
            return None
        if isinstance(outcome, Rejected):
            self._writer.record(CompensationRejected(now, command.key, attempt, started_at, outcome.failure))
            return Reason(REASON_COMPENSATION_REJECTED, str(outcome.failure), command.key)
        key = compensation_key(command.key)
        self._writer.record(AttemptFailed(now, key, attempt, started_at, outcome.failure))
        return Reason(REASON_UNKNOWN, str(outcome.failure), command.key)
