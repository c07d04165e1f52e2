"""Carries out the commands that a saga's code issues.

Purpose: turns each stub call into intent, execution and outcome; answers from the journal what it already holds.
Invariant: a command's key is fixed when the call is made, ``<scope/>Service.Method#n``, so the order in which
parallel branches get their turn changes nothing.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.contract.command import Effect
from orchestrator.definition.context import is_best_effort
from orchestrator.engine.run import failpoints
from orchestrator.engine.run.commands.event_issuer import EventIssuer
from orchestrator.engine.run.issuing import Issuing
from orchestrator.engine.run.replay.gate import mismatch
from orchestrator.engine.run.time_limit import cut_off_by, time_limits
from orchestrator.engine.run.waits.wait_issuer import WaitIssuer
from orchestrator.errors import CommandError, CommandUnknown, DefinitionError
from orchestrator.errors import CommandRejected as CommandRejectedError
from orchestrator.journal.entries import CommandIntended, ValueRecorded
from orchestrator.journal.keys import longest_command_key
from orchestrator.journal.logged import root_traceparent
from orchestrator.journal.state import StepOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from google.protobuf.message import Message

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.bindings.binding import Binding, Bindings
    from orchestrator.engine.run.commands.command_execution import CommandExecution
    from orchestrator.engine.run.context import RunContext, SagaCode
    from orchestrator.engine.run.replay.gate import ReplayGate
    from orchestrator.journal.state import CommandState

Reply = TypeVar("Reply", bound="Message")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CommandIssuer:
    """What the language and the durable channel know as the running saga.

    Args:
        code: the saga's code.
        context: of its run.
        execution: brings commands to their outcome; ``None`` for a rehearsal, which ends where its journal does.
        bindings: the commands of the participants.
        gate: of a recovered saga: gives the code what the journal holds.

    Attributes:
        issuing: which commands and waits are under way.
        waits: carries out the waits of the code.
    """

    __slots__ = (
        "_bindings",
        "_clock",
        "_code",
        "_events",
        "_execution",
        "_random_source",
        "_stop_control",
        "_writer",
        "issuing",
        "waits",
    )

    def __init__(
        self,
        code: SagaCode,
        context: RunContext,
        execution: CommandExecution | None,
        bindings: Bindings,
        gate: ReplayGate | None,
    ) -> None:
        self._bindings = bindings
        self._random_source = context.random_source
        self._code = code
        self._writer = context.writer
        self._stop_control = context.stop_control
        self._execution = execution
        self._clock = context.clock
        self.issuing = Issuing(context, gate)
        self.waits = WaitIssuer(context, self.issuing)
        self._events = EventIssuer(context, self.issuing)

    @property
    def saga_id(self) -> str:
        """The saga's identity."""
        return self._writer.state.saga_id

    @property
    def traceparent(self) -> str:
        """The trace context of the saga's root span."""
        return root_traceparent(self._writer.state)

    @property
    def definition(self) -> SagaDefinition[Any, Any, Any]:
        """The saga's code."""
        return self._code.definition

    def issue(
        self,
        binding: Binding,
        request: bytes,
        deserialize: Callable[[bytes], Reply],
        timeout: float | None,
    ) -> Coroutine[Any, Any, Reply]:
        """Fix the key of a command; awaiting what comes back carries it out."""
        key = self.issuing.next_key(binding.short_name, longest_command_key(self._writer.state.saga_id))
        self.issuing.unawaited.add(key)
        return self._carry_out(binding, key, request, deserialize, timeout)

    def issue_child(
        self, definition: SagaDefinition[Any, Any, Reply], saga_input: Message
    ) -> Coroutine[Any, Any, Reply]:
        """Fix the key of a child saga; awaiting what comes back runs it."""
        binding = self._bindings.child(definition)
        if binding is None:
            raise DefinitionError(f"the child saga {definition} is not served here; serve the module that holds it")
        return self.issue(binding, saga_input.SerializeToString(), definition.result.FromString, None)

    def issue_sleep(self, until: timedelta | datetime) -> Awaitable[None]:
        """Fix the key of a timer; awaiting what comes back waits for it."""
        return self.waits.sleep(until)

    def issue_signal(self, name: str, message: type[Reply], timeout: timedelta | None) -> Awaitable[Reply]:
        """Fix the key of a wait for a signal; awaiting what comes back waits for it."""
        return self.waits.signal(name, message, timeout)

    def issue_timeout(self, span: timedelta) -> AbstractAsyncContextManager[None]:
        """A block that may take so long."""
        return self.waits.timeout(span)

    def issue_event(self, event: Message, *, at_once: bool) -> Awaitable[None]:
        """Fix the key of an event; awaiting what comes back journals it."""
        return self._events.publish(event, at_once=at_once)

    def record_now(self) -> datetime:
        """The time, as it was when the code first asked; aware, UTC."""
        nanoseconds = int(self._recorded("now", lambda: str(self._clock.now())))
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)

    def record_random(self) -> float:
        """A number evenly drawn from [0, 1), when the code first asked."""
        return float(self._recorded("random", lambda: repr(self._random_source())))

    async def pivot_settled(self) -> None:
        """Wait until no pivot is under way."""
        while (pivot := self._writer.state.pivot_in_doubt) is not None and pivot.outcome is None:
            await self.issuing.next_settled()

    def _recorded(self, kind: str, draw: Callable[[], str]) -> str:
        """A value of the code's own, drawn once, written with what follows: no effect leaves before it is durable."""
        key = self.issuing.next_key(kind)
        values = self._writer.state.values
        if key not in values:
            self._writer.record(ValueRecorded(self._clock.now(), key, draw()))
        return values[key]

    async def _carry_out(
        self,
        binding: Binding,
        key: str,
        request: bytes,
        deserialize: Callable[[bytes], Reply],
        timeout: float | None,  # noqa: ASYNC109 - per attempt, and sent along
    ) -> Reply:
        """The reply to a command: from the journal, or from its participant."""
        with self.issuing.awaited(key):
            try:
                command = await self._settled(binding, key, request, timeout or binding.timeout)
            except asyncio.CancelledError:
                self._note_cut_off(key)
                raise
        if command.outcome is StepOutcome.COMPLETED:
            assert command.reply is not None
            return deserialize(command.reply)
        raise _error(command)

    async def _settled(
        self,
        binding: Binding,
        key: str,
        request: bytes,
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> CommandState:
        """A command once it is settled; if the journal of a recovered saga holds another one, this is the end."""
        if self._stop_control.stop is not None:
            await self._stop_control.await_stop()
        command = self._writer.state.commands.get(key)
        if command is None:
            self._refuse_illegal(binding, key)
        elif self.issuing.gate is not None and (misfit := mismatch(command, binding, request)):
            await self.issuing.diverge(misfit)
        await self.issuing.turn(key)
        if command is not None and command.outcome is not None:
            return command
        return await self.issuing.outside(self._go_live(command, binding, key, request, timeout))

    async def _go_live(
        self,
        command: CommandState | None,
        binding: Binding,
        key: str,
        request: bytes,
        timeout: float,  # noqa: ASYNC109 - per attempt, and sent along
    ) -> CommandState:
        """Bring a command whose outcome the journal does not hold to one; one that it does not hold, it holds then."""
        assert self._execution is not None, "a rehearsal ends where its journal does"
        doubtful = command is not None
        command = command or await self._intend(binding, key, request)
        await self._execution.settle(binding, command, timeout, doubtful=doubtful)
        return command

    def _note_cut_off(self, key: str) -> None:
        """The code waits no more for a command. Where a time limit has passed, the command is in doubt from now on."""
        limit, command = cut_off_by(), self._writer.state.commands.get(key)
        if limit is None or command is None or self._stop_control.stop is not None or self._execution is None:
            return
        if command.outcome in (None, StepOutcome.COMPLETED):
            self._execution.cut_off(command, limit.key)

    def _refuse_illegal(self, binding: Binding, key: str) -> None:
        effect = binding.command.effect
        if self._writer.state.pivoted and effect in (Effect.COMPENSABLE, Effect.PIVOT):
            raise DefinitionError(f"{key}: a {effect.name.lower()} command cannot follow the pivot")
        if effect is Effect.UNSPECIFIED:
            raise DefinitionError(f"{binding.name}: its contract does not state its effect")
        if time_limits.get() and effect in (Effect.PIVOT, Effect.RETRYABLE) and not is_best_effort.get():
            raise DefinitionError(
                f"{key}: a {effect.name.lower()} command cannot be cut off, because nothing takes it back; "
                "call it outside timeout(...)"
            )

    async def _intend(self, binding: Binding, key: str, request: bytes) -> CommandState:
        """Journal the intent: durable for an effect, riding along for a query."""
        state = self._writer.state
        effect = binding.command.effect
        self._writer.record(
            CommandIntended(self._clock.now(), key, binding.name, effect, request, is_best_effort.get())
        )
        if not binding.is_query:
            await self._stop_control.persist(self._writer)
            failpoints.reach("intended", key)
        return state.commands[key]


def _error(command: CommandState) -> CommandError:
    failure = command.failure
    assert failure is not None
    kind = CommandRejectedError if command.outcome is StepOutcome.REJECTED else CommandUnknown
    return kind(command.key, failure.code, failure.message, failure.reason)
