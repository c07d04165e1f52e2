"""Verifies journals against the code at hand: would recovery find that they match? Nothing is sent.

Purpose: runs a saga's code as recovery would, with the journal's outcomes as the only answers. Invariant: a command
whose outcome the journal does not hold ends the run; so the participants hear nothing, and the journal is not written.

::

    replay ──▶ a command that is new, or in doubt: the journal ends here ──▶ in line
       │  └──▶ the code ends as the journal does, or after all that it holds ──▶ in line
       ├─────▶ the code asks for something else, or for less ──▶ diverged, both sides shown
       └─────▶ the code fails by itself ──▶ failed

What rolls back is data: there, only the compensations that are left are derived from the contracts at hand.
"""

from __future__ import annotations

import asyncio
import enum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from orchestrator.analysis.plan.child_command import SERVICE, child_command
from orchestrator.contract.redaction import redacted
from orchestrator.definition.context import running_saga
from orchestrator.engine.bindings.binding import Binding, Bindings
from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
from orchestrator.engine.definitions import ServedSaga, ServedSagas
from orchestrator.engine.run.commands.command_issuer import CommandIssuer
from orchestrator.engine.run.context import RunContext
from orchestrator.engine.run.forward.code import Forward
from orchestrator.engine.run.journal_time import JournalTime
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.replay.gate import ReplayGate, replayed
from orchestrator.engine.run.rollback.preview import preview
from orchestrator.engine.run.sending.backoff import InterruptibleBackoff
from orchestrator.engine.run.sending.command_sender import CommandSender
from orchestrator.engine.run.stop_control import Halt, RollBack, StopControl, Suspend
from orchestrator.engine.run.waits.wait_issuer import TIMEOUT
from orchestrator.journal.entries import RollbackBegan
from orchestrator.journal.fold import fold
from orchestrator.journal.keys import unscoped
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import ENDED, SagaState, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.run.stop_control import Stop
    from orchestrator.journal.entries import Entry
    from orchestrator.ports.channel import Caller

# Why a saga has ended, where its own code has ended it.
_GIVEN_UP: Final = frozenset({ReasonCode.REJECTED, ReasonCode.UNKNOWN, ReasonCode.TIMED_OUT})


class Finding(enum.Enum):
    """What a verification found."""

    IN_LINE = "in line"
    DIVERGED = "diverged"
    FAILED = "code failed"
    MISSING = "definition missing"
    BLOCKED = "rollback blocked"
    UNREADABLE = "unreadable"


_IN_LINE: Final = (Finding.IN_LINE, "")


class ReplayVerdict(NamedTuple):
    """What recovery would find in one journal.

    Attributes:
        definition: the name and version of the saga's definition; empty where the journal cannot be read.
        status: where the saga stands; ``None`` where the journal cannot be read.
        finding: what was found.
        message: both sides of a divergence, or what else is wrong; empty where nothing is.
    """

    saga_id: str
    definition: str
    status: Status | None
    finding: Finding
    message: str = ""


class _EndOfJournal(Suspend):
    """Stop because the journal holds no more; the reason's message is the command for which the code waits."""


class Verifier:
    """Verifies journals against some definitions.

    Args:
        sagas: the code at hand, each with its plan. It is run, so it must keep to the rules of determinism.
    """

    def __init__(self, sagas: Iterable[tuple[SagaDefinition[Any, Any, Any], Plan]]) -> None:
        sagas = tuple(sagas)
        self._bindings = Bindings([definition.commands for definition, _ in sagas], _Nobody(), _Instant(0))
        self._served = ServedSagas(ServedSaga.over(definition, plan, self._bindings) for definition, plan in sagas)
        breakers = {SERVICE: CircuitBreaker(_Instant(0), _nobody_serves, 1)}
        for definition, plan in sagas:
            self._bindings.add_child(definition, Binding(child_command(definition, plan), _Nobody(), breakers))

    async def verify(self, saga_id: str, entries: Sequence[Entry]) -> ReplayVerdict:
        """What recovery would find in a journal. One that has ended is replayed, too, up to its end."""
        try:
            state = fold(saga_id, entries)
        except (KeyError, ValueError, AssertionError) as error:
            return ReplayVerdict(saga_id, "", None, Finding.UNREADABLE, f"{type(error).__name__}: {error}")
        if state.status is None:
            return ReplayVerdict(saga_id, "", None, Finding.UNREADABLE, "it holds no entries")
        rolls_back = state.rollback is not None and state.status not in ENDED
        finding, message = self._derived(state) if rolls_back else await self._replayed(state, entries)
        return ReplayVerdict(saga_id, f"{state.definition} v{state.version}", state.status, finding, message)

    def _derived(self, state: SagaState) -> tuple[Finding, str]:
        """Whether the compensations that are left can be made."""
        obstacles = [f"{each.command.key}: {each.obstacle}" for each in preview(state, self._bindings) if each.obstacle]
        return (Finding.BLOCKED, "; ".join(obstacles)) if obstacles else _IN_LINE

    async def _replayed(self, state: SagaState, entries: Sequence[Entry]) -> tuple[Finding, str]:
        served = self._served.find(state.definition, state.version)
        if served is None:
            return Finding.MISSING, "no code of this name and version is at hand; keep it until its sagas have ended"
        began = next((at for at, entry in enumerate(entries) if isinstance(entry, RollbackBegan)), len(entries))
        forward = fold(state.saga_id, entries[:began])
        end = await self._rehearse(served, forward, entries[-1].at)
        return _judged(end, forward, state.rollback, served)

    async def _rehearse(self, served: ServedSaga, state: SagaState, now: int) -> Stop | bytes | None:
        """Where the code leads; None where it waits for something that is no command."""
        stop_control, writer, clock, gate = StopControl(), _Scratch(state), _Instant(now), ReplayGate(state)
        sender = CommandSender(writer, stop_control, InterruptibleBackoff(), clock, _middling)
        context = RunContext(writer, stop_control, sender, clock, _middling, JournalTime(clock))
        forward = Forward(served, context, CommandIssuer(served, context, None, self._bindings, gate))

        def end(waiting: list[str]) -> None:
            # A time limit is around what the code waits for.
            first = next((key for key in waiting if unscoped(key) != TIMEOUT), waiting[0])
            key = first if first in state.commands or first in state.waits else f"{first}, which is new"
            stop_control.request_stop(_EndOfJournal(Reason(ReasonCode.PAUSED, key)))

        gate.at_end = end
        gate.stuck = partial(stop_control.request_stop, Halt())
        stop = await asyncio.ensure_future(_run(forward, gate, stop_control))
        return None if isinstance(stop, Halt) else stop


class _Scratch(SagaWriter):
    """A journal writer whose entries change the state and are kept nowhere."""

    __slots__ = ()

    def __init__(self, state: SagaState) -> None:
        self.state = state

    def record(self, entry: Entry) -> None:
        """Apply an entry."""
        entry.apply(self.state)

    def persist(self) -> asyncio.Future[None]:
        """Nothing is to be durable."""
        nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        nothing.set_result(None)
        return nothing

    def persist_soon(self) -> None:
        """Nothing is to be durable."""


class _Instant:
    """A clock that stands still where the journal ends."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        """See the port."""
        return self._now

    def elapsed(self) -> int:
        """See the port."""
        return 0

    async def sleep(self, _seconds: float) -> None:
        """See the port."""
        await asyncio.sleep(0)

    def call_after(self, _seconds: float, callback: Callable[[], None]) -> asyncio.Handle:
        """See the port."""
        return asyncio.get_running_loop().call_soon(callback)


class _Nobody:
    """Participants whom nothing reaches."""

    def caller(self, command: Command) -> Caller:
        """See the port."""

        async def refuse(request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> NoReturn:  # noqa: ARG001, ASYNC109 - the port's
            raise AssertionError(f"a verification was about to send {command.name}")

        return refuse

    async def is_serving(self, _service: str) -> bool | None:
        """See the port."""
        return None


async def _run(forward: Forward, gate: ReplayGate, stop_control: StopControl) -> Stop | bytes:
    running_saga.set(forward.issuer)
    return await replayed(forward.run(), gate, stop_control)


async def _nobody_serves() -> bool:
    return False


def _middling() -> float:
    return 0.5


def _judged(
    end: Stop | bytes | None, state: SagaState, rollback: Reason | None, served: ServedSaga
) -> tuple[Finding, str]:
    """What the end of a replay means, next to the end that the journal holds.

    Args:
        end: of the replay.
        state: to which the journal had led before any rollback.
        rollback: why the saga rolled back, if it did.
        served: the code.
    """
    match end:
        case None:
            return Finding.FAILED, "the code waits for something that is no command"
        case Suspend(Reason(code=ReasonCode.DIVERGED, message=message)):
            return Finding.DIVERGED, message
        case Suspend(Reason(code=ReasonCode.CODE_FAILED, message=message)):
            return Finding.FAILED, message
    now = _in_words(end, served)
    if state.status is Status.COMPLETED:
        journalled = _in_words(state.result or b"", served)
    elif rollback is not None and rollback.code in _GIVEN_UP and not isinstance(end, RollBack):
        journalled = f"gives up: {rollback.message}"
    else:
        return _IN_LINE
    return _IN_LINE if now == journalled else (Finding.DIVERGED, f"the journal {journalled}; the code now {now}")


def _in_words(end: Stop | bytes, served: ServedSaga) -> str:
    match end:
        case bytes():
            result = served.definition.result.FromString(end)
            return f"returns {{{' '.join(str(redacted(result)).split())}}}"
        case _EndOfJournal(Reason(message=key)):
            return f"waits for {key}"
        case RollBack(reason) | Suspend(reason):
            return f"gives up: {reason.message}"
        case _:
            return "stops"
