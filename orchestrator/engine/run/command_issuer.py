"""Carries out the commands that a saga's code issues.

Purpose: turns each stub call into intent, execution and outcome; answers from the journal what it already holds.
Invariant: a command's key is fixed when the call is made, ``<scope/>Service.Method#n``, so the order in which
parallel branches get their turn changes nothing.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from orchestrator.contract.command import Effect
from orchestrator.definition.context import is_best_effort, scope_path
from orchestrator.engine.run import failpoints
from orchestrator.engine.run.replay import mismatch
from orchestrator.engine.run.stop_control import diverged
from orchestrator.errors import CommandError, CommandUnknown, DefinitionError
from orchestrator.errors import CommandRejected as CommandRejectedError
from orchestrator.journal.entries import CommandIntended, ValueRecorded
from orchestrator.journal.keys import LONGEST_KEY, bounded
from orchestrator.journal.state import StepOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from google.protobuf.message import Message

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.bindings.binding import Binding, Bindings
    from orchestrator.engine.run.command_execution import CommandExecution
    from orchestrator.engine.run.context import RunContext, SagaCode
    from orchestrator.engine.run.replay import ReplayGate
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
        unawaited: the keys of the commands that the code has called and not awaited yet.
    """

    __slots__ = (
        "_bindings",
        "_calls",
        "_clock",
        "_code",
        "_execution",
        "_gate",
        "_random_source",
        "_stop_control",
        "_under_way",
        "_waiting",
        "_writer",
        "unawaited",
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
        self._gate = gate
        self._calls: dict[str, int] = {}
        self.unawaited: set[str] = set()
        self._under_way = 0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def saga_id(self) -> str:
        """The saga's identity."""
        return self._writer.state.saga_id

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
        key = self._next_key(binding.short_name)
        self.unawaited.add(key)
        return self._carry_out(binding, key, request, deserialize, timeout)

    def issue_child(
        self, definition: SagaDefinition[Any, Any, Reply], saga_input: Message
    ) -> Coroutine[Any, Any, Reply]:
        """Fix the key of a child saga; awaiting what comes back runs it."""
        binding = self._bindings.child(definition)
        if binding is None:
            raise DefinitionError(f"the child saga {definition} is not served here; serve the module that holds it")
        return self.issue(binding, saga_input.SerializeToString(), definition.result.FromString, None)

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
            await self._next_settled()

    async def branches_end(self) -> None:
        """The code has returned: wait for what a gather or a TaskGroup that failed may have left behind."""
        while self._under_way:
            await self._next_settled()
        await self._stop_control.idle()

    async def missing(self) -> list[str]:
        """The journalled commands that the code, come to rest, has not asked for."""
        return [] if self._gate is None else await self._gate.missing()

    def _recorded(self, kind: str, draw: Callable[[], str]) -> str:
        """A value of the code's own, drawn once, written with what follows: no effect leaves before it is durable."""
        key = self._next_key(kind)
        values = self._writer.state.values
        if key not in values:
            self._writer.record(ValueRecorded(self._clock.now(), key, draw()))
        return values[key]

    def _next_key(self, name: str) -> str:
        prefix = f"{scope_path.get()}{name}"
        number = self._calls.get(prefix, 0) + 1
        self._calls[prefix] = number
        key = f"{prefix}#{number}"
        if len(key) <= LONGEST_KEY or key in self._writer.state.commands or key in self._writer.state.values:
            return key
        return bounded(key, LONGEST_KEY)

    async def _carry_out(
        self,
        binding: Binding,
        key: str,
        request: bytes,
        deserialize: Callable[[bytes], Reply],
        timeout: float | None,  # noqa: ASYNC109 - per attempt, and sent along
    ) -> Reply:
        """The reply to a command: from the journal, or from its participant."""
        self.unawaited.discard(key)
        self._under_way += 1
        try:
            if self._stop_control.stop is not None:
                await self._stop_control.await_cancellation()
            command = self._writer.state.commands.get(key)
            if command is None:
                self._refuse_illegal(binding, key)
            if self._gate is not None:
                command = await self._replay(self._gate, command, binding, key, request, timeout or binding.timeout)
            elif command is None:
                command = await self._go_live(None, binding, key, request, timeout or binding.timeout)
            if command.outcome is StepOutcome.COMPLETED:
                assert command.reply is not None
                return deserialize(command.reply)
            raise _error(command)
        finally:
            self._under_way -= 1
            self._wake()

    async def _replay(
        self,
        gate: ReplayGate,
        command: CommandState | None,
        binding: Binding,
        key: str,
        request: bytes,
        timeout: float,  # noqa: ASYNC109 - per attempt, and sent along
    ) -> CommandState:
        """A command of a recovered saga, settled; if the journal holds another one, this is the end."""
        if command is not None and (misfit := mismatch(command, binding, request)):
            await self._diverge(misfit)
        if not gate.is_live:
            await self._stop_control.interruptible(gate.turn(key))
            if self._stop_control.stop is not None:
                await self._stop_control.await_cancellation()
        if command is not None and command.outcome is not None:
            return command
        # The code runs on the gate's loop, and what waits for the world on the process's.
        return await gate.loop.outside(self._go_live(command, binding, key, request, timeout))

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

    def _refuse_illegal(self, binding: Binding, key: str) -> None:
        effect = binding.command.effect
        if self._writer.state.pivoted and effect in (Effect.COMPENSABLE, Effect.PIVOT):
            raise DefinitionError(f"{key}: a {effect.name.lower()} command cannot follow the pivot")
        if effect is Effect.UNSPECIFIED:
            raise DefinitionError(f"{binding.name}: its contract does not state its effect")

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

    async def _diverge(self, message: str) -> NoReturn:
        """Stop here and now: no handler of the code's own may get over it."""
        self._stop_control.request_stop(diverged(message))
        await self._stop_control.await_cancellation()

    async def _next_settled(self) -> None:
        # No asyncio.Event, which belongs to one loop: the code of a recovered saga has one of its own.
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()


def _error(command: CommandState) -> CommandError:
    failure = command.failure
    assert failure is not None
    kind = CommandRejectedError if command.outcome is StepOutcome.REJECTED else CommandUnknown
    return kind(command.key, failure.code, failure.message, failure.reason)
