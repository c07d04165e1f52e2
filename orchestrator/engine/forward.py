"""Runs a saga's code, and carries out the commands that it issues.

Purpose: turns each stub call into intent, delivery and outcome; answers from the journal what it already holds.
Invariant: a command's key is fixed when the call is made, ``<scope/>Service.Method#n``, so the order in which
parallel branches get their turn changes nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.contract.command import Effect, OnUnknown
from orchestrator.definition.context import is_best_effort, scope_path
from orchestrator.engine import failpoints
from orchestrator.engine.delivery import Attempted
from orchestrator.engine.entries import (
    AttemptFailed,
    CommandAbandoned,
    CommandCompleted,
    CommandIntended,
    CommandRejected,
)
from orchestrator.engine.outcome import Completed, Failure, Rejected, Unknown
from orchestrator.engine.state import (
    REASON_CODE_FAILED,
    REASON_DIVERGED,
    REASON_REJECTED,
    REASON_REJECTED_AFTER_PIVOT,
    REASON_UNKNOWN,
    Reason,
    StepOutcome,
)
from orchestrator.engine.stopping import RollBack, Stop, Suspend
from orchestrator.engine.verification import verify
from orchestrator.errors import CommandError, CommandUnknown, DefinitionError, SagaDiverged, SagaRejected
from orchestrator.errors import CommandRejected as CommandRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from orchestrator.engine.bindings import Binding
    from orchestrator.engine.delivery import Courier
    from orchestrator.engine.ports import Clock
    from orchestrator.engine.replay import ReplayGate
    from orchestrator.engine.served import ServedSaga
    from orchestrator.engine.state import CommandState, SagaState
    from orchestrator.engine.stopping import Brake
    from orchestrator.engine.writer import SagaWriter

Reply = TypeVar("Reply")


class Forward:
    """The forward run of one saga: what the language and the durable channel know as the running saga."""

    __slots__ = ("_brake", "_calls", "_clock", "_courier", "_gate", "_pivot", "_served", "_unawaited", "_writer")

    def __init__(
        self,
        served: ServedSaga,
        writer: SagaWriter,
        brake: Brake,
        courier: Courier,
        clock: Clock,
        gate: ReplayGate | None,
    ) -> None:
        self._served = served
        self._writer = writer
        self._brake = brake
        self._courier = courier
        self._clock = clock
        self._gate = gate
        self._calls: dict[str, int] = {}
        self._unawaited: set[str] = set()
        self._pivot: asyncio.Future[None] | None = None

    @property
    def saga_id(self) -> str:
        """The saga's identity."""
        return self._writer.state.saga_id

    async def run(self) -> Stop | bytes:
        """Run the code; its serialized result, or why it stopped."""
        try:
            result = await self._served.call(self._writer.state.input)
        except asyncio.CancelledError:
            if self._brake.stop is None:
                raise
            return self._brake.uncancel()
        except Exception as error:  # noqa: BLE001 - whatever the code raises has a place
            return await self._brake.settle(_stop_for(error, self._writer.state))
        if self._brake.stop is not None:
            return await self._brake.settle(self._brake.stop)
        unasked = [] if self._gate is None else await self._gate.missing()
        if unasked or self._unawaited:
            return await self._brake.settle(_misfit(unasked, self._unawaited))
        return result.SerializeToString()

    def issue(
        self,
        binding: Binding,
        request: bytes,
        deserialize: Callable[[bytes], Reply],
        timeout: float | None,
    ) -> Coroutine[Any, Any, Reply]:
        """Fix the key of a command; awaiting what comes back carries it out."""
        prefix = f"{scope_path.get()}{binding.short_name}"
        number = self._calls.get(prefix, 0) + 1
        self._calls[prefix] = number
        key = f"{prefix}#{number}"
        self._unawaited.add(key)
        return self._carry_out(binding, key, request, deserialize, timeout)

    async def pivot_settled(self) -> None:
        """Wait until no pivot is in doubt."""
        while any(
            command.effect is Effect.PIVOT and command.outcome is None
            for command in self._writer.state.commands.values()
        ):
            self._pivot = self._pivot or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._pivot)

    async def _carry_out(
        self,
        binding: Binding,
        key: str,
        request: bytes,
        deserialize: Callable[[bytes], Reply],
        timeout: float | None,  # noqa: ASYNC109 - per attempt, and sent along
    ) -> Reply:
        self._unawaited.discard(key)
        if self._brake.stop is not None:
            await self._brake.park()
        state = self._writer.state
        command = state.commands.get(key)
        if command is None:
            command = await self._intend(binding, key, request)
            doubtful = False
        else:
            self._check_replay(binding, command, request)
            doubtful = command.outcome is None
        if command.outcome is None:
            await self._settle(binding, command, timeout or binding.timeout, doubtful=doubtful)
        if command.outcome is StepOutcome.COMPLETED:
            assert command.reply is not None
            return deserialize(command.reply)
        raise _error(command)

    async def _intend(self, binding: Binding, key: str, request: bytes) -> CommandState:
        """Journal the intent: durable for an effect, riding along for a query."""
        if self._gate is not None and (missing := await self._gate.missing()):
            raise SagaDiverged(self.saga_id, f"the code now calls {key}; the journal goes on with {', '.join(missing)}")
        state = self._writer.state
        effect = binding.command.effect
        if state.pivoted and effect in (Effect.COMPENSABLE, Effect.PIVOT):
            raise DefinitionError(f"{key}: a {effect.name.lower()} command cannot follow the pivot")
        if effect is Effect.UNSPECIFIED:
            raise DefinitionError(f"{binding.name}: its contract does not state its effect")
        self._writer.record(
            CommandIntended(self._clock.now(), key, binding.name, effect, request, is_best_effort.get())
        )
        if not binding.is_query:
            await self._brake.persist(self._writer)
            failpoints.reach("intended", key)
        return state.commands[key]

    def _check_replay(self, binding: Binding, command: CommandState, request: bytes) -> None:
        if self._gate is not None:
            self._gate.replayed(command.key)
        if command.request == request and command.method == binding.name:
            return
        message = binding.command.request
        journalled, now = message.FromString(command.request), message.FromString(request)
        if journalled != now or command.method != binding.name:
            raise SagaDiverged(
                self.saga_id,
                f"{command.key}: the journal holds {command.method} {{{_brief(journalled)}}}; "
                f"the code now sends {binding.name} {{{_brief(now)}}}",
            )

    async def _settle(self, binding: Binding, command: CommandState, timeout: float, *, doubtful: bool) -> None:  # noqa: ASYNC109
        """Deliver the command and journal what came of it."""
        outcome, attempt, started_at = await self._deliver(binding, command, timeout, doubtful=doubtful)
        now = self._clock.now()
        if isinstance(outcome, Completed):
            self._writer.record(CommandCompleted(now, command.key, attempt, started_at, outcome.reply))
        elif isinstance(outcome, Rejected):
            self._writer.record(CommandRejected(now, command.key, attempt, started_at, outcome.failure))
        else:
            self._writer.record(CommandAbandoned(now, command.key, attempt, started_at, outcome.failure))
        if command.effect is Effect.PIVOT and self._pivot is not None:
            self._pivot.set_result(None)
            self._pivot = None

    async def _deliver(self, binding: Binding, command: CommandState, timeout: float, *, doubtful: bool) -> Attempted:  # noqa: ASYNC109
        """Deliver as the contract's ``on_unknown`` says. ``doubtful``: an earlier process may have sent it."""
        policy = binding.command.on_unknown
        resend = policy is OnUnknown.RESEND
        if doubtful and not binding.command.idempotent and not binding.is_query:
            attempted = self._interrupted(command)
        else:
            gives_up = command.best_effort or not resend
            attempted = await self._attempt(binding, command, timeout, gives_up=gives_up)
        while isinstance(attempted.outcome, Unknown) and not command.best_effort:
            if policy is OnUnknown.COMPENSATE:
                return attempted
            failure = attempted.outcome.failure
            self._note_failed(command, attempted, failure)
            if policy is not OnUnknown.VERIFY:
                await self._suspend(Reason(REASON_UNKNOWN, str(failure), command.key))
            verdict = await verify(
                self._courier, self.saga_id, binding, command.key, command.request, attempted.attempt
            )
            if verdict.took_effect and verdict.reply is not None:
                return attempted._replace(outcome=Completed(verdict.reply))
            if verdict.took_effect is None or (verdict.took_effect and not binding.command.idempotent):
                await self._suspend(Reason(REASON_UNKNOWN, f"no answer to be had: {failure}", command.key))
            await self._brake.persist(self._writer)
            await self._courier.back_off(binding, attempted.attempt + 1)
            attempted = await self._attempt(binding, command, timeout, gives_up=not verdict.took_effect)
        return attempted

    async def _attempt(self, binding: Binding, command: CommandState, timeout: float, *, gives_up: bool) -> Attempted:  # noqa: ASYNC109
        return await self._courier.deliver(
            binding, command.key, command.request, command, timeout=timeout, gives_up=gives_up
        )

    def _interrupted(self, command: CommandState) -> Attempted:
        """The attempt that an earlier process left behind."""
        failure = command.failure or Failure("UNKNOWN", "the orchestrator stopped before an answer came")
        return Attempted(Unknown(failure), max(command.attempts, 1), command.intended_at)

    def _note_failed(self, command: CommandState, attempted: Attempted, failure: Failure) -> None:
        if attempted.attempt > command.attempts:
            self._writer.record(
                AttemptFailed(self._clock.now(), command.key, attempted.attempt, attempted.started_at, failure)
            )

    async def _suspend(self, reason: Reason) -> None:
        self._brake.pull(Suspend(reason))
        await self._brake.park()


def _stop_for(error: Exception, state: SagaState) -> Stop:
    """Where the code's own error leads."""
    if isinstance(error, SagaDiverged):
        return Suspend(Reason(REASON_DIVERGED, str(error)))
    if isinstance(error, ExceptionGroup):
        # A TaskGroup wraps what its branches raised; the first of them is why the saga stops.
        return _stop_for(error.exceptions[0], state)
    if isinstance(error, (CommandError, SagaRejected)):
        key = getattr(error, "key", "")
        if state.pivoted:
            return Suspend(Reason(REASON_REJECTED_AFTER_PIVOT, str(error), key))
        code = REASON_UNKNOWN if isinstance(error, CommandUnknown) else REASON_REJECTED
        return RollBack(Reason(code, str(error), key))
    return Suspend(Reason(REASON_CODE_FAILED, f"{type(error).__name__}: {error}"))


def _misfit(unasked: list[str], unawaited: set[str]) -> Stop:
    if unasked:
        message = f"the code returned; the journal goes on with {', '.join(unasked)}"
        return Suspend(Reason(REASON_DIVERGED, message))
    message = f"called but never awaited: {', '.join(sorted(unawaited))}"
    return Suspend(Reason(REASON_CODE_FAILED, message))


def _error(command: CommandState) -> CommandError:
    failure = command.failure
    assert failure is not None
    kind = CommandRejectedError if command.outcome is StepOutcome.REJECTED else CommandUnknown
    return kind(command.key, failure.code, failure.message, failure.reason)


def _brief(message: object) -> str:
    return " ".join(str(message).split())
