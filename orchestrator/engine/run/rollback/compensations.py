"""Compensates: a whole saga that is rolled back, or what a saga that goes forward has abandoned.

Purpose: compensates, in reverse order of start, whatever may have an effect. Invariant: a compensation is sent only
when the one before it has succeeded, so the order is kept also across restarts; the first that is refused suspends
the saga with the rest still planned. All of them are intended before the first is sent, so a rollback waits for the
disk twice, however long it is: a process that comes after does not know which ones were sent, and sends those again
whose success is not journalled, as further attempts with the same keys. Their requests are journalled with the intents,
so what is sent again is the same to the byte, whatever contract is at hand by then. While a queue holds the one whose
turn it is, the saga may be parked. Where a queue may still deliver a command that no guard would refuse after its
compensation, that is sent once the command is answered, or can be delivered no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from orchestrator.contract.command import OnUnknown
from orchestrator.engine.run import failpoints
from orchestrator.engine.run.sending.command_sender import ToSend
from orchestrator.engine.run.suspension import tell_suspended
from orchestrator.engine.run.under_way import UnderWay
from orchestrator.engine.run.waits.parking import Parking
from orchestrator.errors import CompensationUnderivable
from orchestrator.journal.compensation_plan import derive_compensation, plan_abandoned, plan_compensations
from orchestrator.journal.entries import (
    AttemptFailed,
    CompensationBegan,
    CompensationCompleted,
    CompensationRejected,
    SagaCompensated,
    SagaPartiallyCompensated,
    SagaSuspended,
)
from orchestrator.journal.keys import compensation_key, idempotency_key, relation
from orchestrator.journal.outcome import Completed, Rejected
from orchestrator.journal.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.bindings.binding import Binding, Bindings
    from orchestrator.engine.run.context import RunContext
    from orchestrator.engine.run.sending.command_sender import Attempted
    from orchestrator.journal.state import CommandState


class Rollback:
    """The backward run of one saga."""

    __slots__ = ("_bindings", "_clock", "_context", "_sender", "_stop_control", "_writer")

    def __init__(self, context: RunContext, bindings: Bindings) -> None:
        self._context = context
        self._writer = context.writer
        self._stop_control = context.stop_control
        self._sender = context.sender
        self._bindings = bindings
        self._clock = context.clock

    def intend(self) -> bool:
        """Record the compensations that are to come, up to the first that cannot be sent; whether there was any."""
        return self._intend(plan_compensations(self._writer.state).compensations)

    async def run(self) -> None:
        """Compensate until nothing is left, or an operator must decide. ``RollbackBegan`` is durable."""
        plan = plan_compensations(self._writer.state)
        reason = await self._compensate_all(plan.compensations)
        if reason is not None:
            return await self._suspend(reason)
        if plan.standing:
            names = ", ".join(command.key for command in plan.standing)
            return await self._suspend(Reason(ReasonCode.EFFECT_STANDS, f"nothing takes back: {names}"))
        now = self._clock.now()
        self._writer.record(SagaPartiallyCompensated(now) if self._writer.state.skipped else SagaCompensated(now))
        await self._stop_control.persist(self._writer)
        return None

    async def compensate_abandoned(self) -> Reason | None:
        """Compensate what the saga's code has gone on without; why an operator must decide, if one must.

        The saga is about to complete: nothing else would ever ask whether that took effect.
        """
        return await self._compensate_all(plan_abandoned(self._writer.state))

    async def _suspend(self, reason: Reason) -> None:
        self._writer.record(SagaSuspended(self._clock.now(), reason))
        await self._stop_control.persist(self._writer)
        tell_suspended(self._writer.state, reason)

    def _intend(self, commands: Sequence[CommandState]) -> bool:
        intended = False
        for command in commands:
            prepared = self._prepare(command)
            if isinstance(prepared, Reason):
                break
            if command.compensation is None:
                undo, request = prepared
                self._writer.record(CompensationBegan(self._clock.now(), command.key, undo.name, request))
                intended = True
        return intended

    async def _compensate_all(self, commands: Sequence[CommandState]) -> Reason | None:
        if not commands:
            return None
        if self._intend(commands):
            await self._stop_control.persist(self._writer)
        under_way = UnderWay()
        parking = Parking(self._context, under_way)
        try:
            for command in commands:
                under_way.begin(command.key)
                reason = await self._compensate(command)
                under_way.end(command.key)
                if reason is not None:
                    return reason
        finally:
            parking.close()
        return None

    async def _compensate(self, command: CommandState) -> Reason | None:
        prepared = self._prepare(command)
        if isinstance(prepared, Reason):
            return prepared
        undo, request = prepared
        binding = self._bindings.by_name(command.method)
        if binding is not None and not binding.command.idempotent and command.in_doubt:
            await self._sender.outlast(binding, command.key, command)
        return self._settle(command, await self._deliver(undo, command, request))

    def _prepare(self, command: CommandState) -> tuple[Binding, bytes] | Reason:
        """What sends a command's compensation, and its request; or why an operator must decide."""
        binding = self._bindings.by_name(command.method)
        intended = command.compensation
        if intended is not None and intended.request is not None:
            undo = _compensating(binding, intended.method) or self._bindings.by_name(intended.method)
            return (undo, intended.request) if undo is not None else _contract_missing(intended.method, command)
        if binding is None or binding.compensation is None:
            return _contract_missing(command.method, command)
        try:
            undo, derivation = binding.compensation
            return undo, derive_compensation(command, binding.command, undo.command, derivation).SerializeToString()
        except CompensationUnderivable as error:
            return Reason(ReasonCode.UNKNOWN, str(error), command.key)
        except DecodeError:
            message = f"the journalled request of {command.key} cannot be read as {command.method} takes it; "
            return Reason(ReasonCode.CONTRACT_MISSING, message + "serve the contract that it was sent by", command.key)

    async def _deliver(self, undo: Binding, command: CommandState, request: bytes) -> Attempted:
        assert command.compensation is not None
        key = idempotency_key(self._writer.state.saga_id, command.key)
        what = ToSend(
            undo,
            compensation_key(command.key),
            request,
            undo.timeout,
            gives_up=undo.command.on_unknown is OnUnknown.SUSPEND,
            about=(relation("compensates", key, command.method, undo.command),),
        )
        attempted = await self._sender.send(what, command.compensation)
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
            return Reason(ReasonCode.COMPENSATION_REJECTED, str(outcome.failure), command.key)
        key = compensation_key(command.key)
        self._writer.record(AttemptFailed(now, key, attempt, started_at, outcome.failure))
        return Reason(ReasonCode.UNKNOWN, str(outcome.failure), command.key)


def _compensating(binding: Binding | None, method: str) -> Binding | None:
    """The compensation of a command, where it is the method that was intended."""
    if binding is None or binding.compensation is None or binding.compensation[0].name != method:
        return None
    return binding.compensation[0]


def _contract_missing(method: str, command: CommandState) -> Reason:
    message = f"no contract at hand says how to compensate {command.method}; serve a saga that uses it"
    if method != command.method:
        message = f"the compensation {method} of {command.method} was intended, and no contract at hand holds it"
    return Reason(ReasonCode.CONTRACT_MISSING, message, command.key)
