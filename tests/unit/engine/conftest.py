"""A world for the engine: participants that answer as a test says, a clock that jumps, a journal in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.command import Effect
from orchestrator.definition.plan_reader import read_plan
from orchestrator.engine import failpoints
from orchestrator.engine.bindings import Bindings
from orchestrator.engine.outcome import Completed, Failure, Rejected, Unknown
from orchestrator.engine.served import ServedSaga, ServedSagas
from orchestrator.engine.state import Status
from orchestrator.engine.worker import StartSaga, Worker, World
from orchestrator.store.memory import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.entries import Entry
    from orchestrator.engine.outcome import Outcome


def rejected(code: str = "FAILED_PRECONDITION", reason: str = "NO") -> Rejected:
    return Rejected(Failure(code, "no", reason))


def unknown(code: str = "DEADLINE_EXCEEDED") -> Unknown:
    return Unknown(Failure(code, "no answer"))


class ScriptedCaller:
    """One method of a scripted participant."""

    def __init__(self, participants: ScriptedParticipants, command: Command) -> None:
        self._participants = participants
        self._command = command

    async def __call__(self, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:
        self._participants.calls.append((self._command.method, dict(metadata), request))
        script = self._participants.scripts[self._command.method]
        step = script.pop(0) if script else None
        await asyncio.sleep(0)
        if callable(step):
            step = await step()
        return step or Completed(self._participants.replies[self._command.method].SerializeToString())


class ScriptedParticipants:
    """Participants that complete every command, unless a test says otherwise.

    Attributes:
        calls: (method, metadata, request) of every attempt, in order.
        scripts: per method, what its next attempts come to; an async function is awaited for it.
        replies: per method, the message that a completed command answers with.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.scripts: dict[str, list[Any]] = defaultdict(list)
        self.replies: dict[str, Any] = {}

    def caller(self, command: Command) -> ScriptedCaller:
        self.replies.setdefault(command.method, command.response())
        return ScriptedCaller(self, command)

    def methods(self) -> list[str]:
        return [method for method, _, _ in self.calls]


class JumpingClock:
    """Nobody waits: a sleep moves the time on and lets the others have a turn."""

    def __init__(self) -> None:
        self.time = 1_700_000_000_000_000_000
        self.slept: list[float] = []
        self.held: list[asyncio.Future[None]] = []
        self.hold_above = 5.0

    def now(self) -> int:
        self.time += 1000
        return self.time

    async def sleep(self, seconds: float) -> None:
        if seconds >= self.hold_above:  # heartbeats and waits: not under test here
            await asyncio.get_running_loop().create_future()
        self.slept.append(seconds)
        self.time += int(seconds * 1e9)
        await asyncio.sleep(0)


class Witness:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Entry]] = []

    def samples(self, saga_id: str, traceparent: str) -> bool:
        return True

    def journalled(self, saga_id: str, entries: Sequence[Entry]) -> None:
        self.entries += [(saga_id, entry) for entry in entries]

    def recovered(self, saga_id: str, entries: Sequence[Entry]) -> None:
        pass


class Stage:
    """A journal, participants, and as many workers, one after another, as a test needs."""

    def __init__(self, *definitions: SagaDefinition[Any, Any, Any]) -> None:
        self.definitions = definitions
        self.journal = MemoryJournal()
        self.participants = ScriptedParticipants()
        self.clock = JumpingClock()
        self.witness = Witness()
        self._owners = itertools.count(1)

    def worker(self, *definitions: SagaDefinition[Any, Any, Any]) -> Worker:
        definitions = definitions or self.definitions
        bindings = Bindings([definition.participants for definition in definitions], self.participants)
        served = ServedSagas(ServedSaga.over(d, read_plan(d), bindings) for d in definitions)
        world = World(self.journal, self.witness, self.clock, lambda: 0.5)
        return Worker(served, bindings, world, owner=f"replica-{next(self._owners)}")

    def order(self, message: Any, saga_id: str = "saga-1", definition: str = "") -> StartSaga:
        name = definition or self.definitions[0].name
        data = message.SerializeToString()
        return StartSaga(saga_id, name, self.definitions[0].version, data, data)

    def crash(self) -> None:
        """Whoever held claims is dead: their leases lapse."""
        self.journal._alive_until.clear()


async def until(condition: Callable[[], bool]) -> None:
    """Give the loop turns until the condition holds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


@pytest.fixture(autouse=True)
def _no_failpoints() -> Iterator[None]:
    yield
    failpoints.disarm_all()


__all__ = ["Effect", "Stage", "Status", "rejected", "unknown", "until"]
