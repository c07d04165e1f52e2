"""One saga, from its start to its end, under one scenario.

Purpose: runs the engine itself, over mocks of the saga's participants, with a journal in memory and in virtual time.
What a killed orchestrator does is neither written nor sent; the next one takes over once the lease has lapsed.
Invariant: the same scenario goes the same way each time.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.channels.nats.outcome import after_another_delivery
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.run import failpoints
from orchestrator.engine.sagas import Signal, StartSaga
from orchestrator.errors import ActRefused, JournalError
from orchestrator.journal.actor import Actor
from orchestrator.journal.fold import fold
from orchestrator.journal.keys import related
from orchestrator.journal.outcome import Unknown
from orchestrator.participant.queued.command import ACK_WAIT
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.matrix.journal import ScriptedJournal
from orchestrator.testing.matrix.orchestrator import Orchestrator
from orchestrator.testing.matrix.recorder import Recorder
from orchestrator.testing.matrix.scenario import IN_FLIGHT, Script, key_of
from orchestrator.testing.mock import ContractParticipant, Fault
from orchestrator.testing.world.clock import EPOCH, VirtualClock
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.participants import sample
from orchestrator.testing.world.queue import QueueConnection, VirtualQueue
from orchestrator.testing.world.virtual_loop import Process, call_outside, spawn_outside
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contract.command import Command
    from orchestrator.journal.entries import Entry, WaitBegan
    from orchestrator.journal.events import OutboxEvent
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import SagaState, Status
    from orchestrator.testing.matrix.saga_under_test import SagaUnderTest
    from orchestrator.testing.matrix.scenario import Scenario
    from orchestrator.testing.mock import EffectLedger
    from orchestrator.testing.mock.calls import Metadata

SAGA_ID: Final = "matrix"
REDELIVERED: Final = frozenset({Fault.FAIL_BEFORE, Fault.FAIL_AFTER, Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER})
"""What is lost on its way from a queue to a participant or back is delivered again, within the same attempt."""
ACCEPTED: Final = "accepted"
"""What came of a cancel that was not refused."""

_PATIENCE_SECONDS: Final = 4 * 60 * 60.0
_AFTERWARDS_SECONDS: Final = 60.0
_RESTART_SECONDS: Final = 1.0
_SIGNAL_SECONDS: Final = 30.0
_MOST_EVENTS: Final = 100_000
_WAY_SECONDS: Final = 0.005
_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Observations:
    """What was seen.

    Attributes:
        state: the state to which the journal leads in the end; without a status where the saga never started.
        entries: the journal.
        ledger: the effects.
        recorder: what was sent.
        not_happened: what of the scenario has not happened.
        cancel: what came of the cancel: ``accepted``, or why it was refused; empty without an answer.
        during: the saga's status when an injected fault that lasts was about to end.
        left_in_doubt: the keys of the commands that were in doubt when the orchestrator was killed.
        errors: what starting, recovering and cancelling have raised.
        told: what stands in the outbox.
    """

    state: SagaState
    entries: Sequence[Entry]
    ledger: EffectLedger
    recorder: Recorder
    not_happened: Sequence[str]
    cancel: str
    during: Status | None
    left_in_doubt: frozenset[str]
    errors: Sequence[str]
    told: Sequence[OutboxEvent]


class ScenarioRun:
    """Runs a saga once; see :meth:`run`. It needs a virtual loop."""

    def __init__(self, saga_under_test: SagaUnderTest, scenario: Scenario) -> None:
        self._saga_under_test = saga_under_test
        self._scenario = scenario
        self._until = 0.0
        self._script = Script(
            scenario, cancel=self._ask_cancel, kill=self._kill, injection_ended=self._note_status_during
        )
        self._journal = MemoryJournal(VirtualClock().now)
        self._at_rest = asyncio.Event()
        services = saga_under_test.definition.services.values()
        self._participant = ContractParticipant(
            services, replies=saga_under_test.replies, children=[issue.command for issue in saga_under_test.children]
        )
        self._recorder = Recorder(self._participant.ledger)
        self._queue = VirtualQueue(self, VirtualClock()) if saga_under_test.over_queue else None
        self._orchestrators: list[Orchestrator] = []
        self._tasks: set[asyncio.Future[Any]] = set()
        self._cancel = ""
        self._during: Status | None = None
        self._left_in_doubt: frozenset[str] = frozenset()
        self._errors: list[str] = []

    async def run(self) -> Observations:
        """Run the saga until it rests, or for hours of virtual time; then wait for what may come late."""
        for name in failpoints.NAMES:
            failpoints.arm(name, partial(self._reach, name))
        try:
            await self._open()
            self._watch(self._orchestrators[0].spawn(self._orchestrators[0].worker.start(self._start())))
            await self._rest()
            await asyncio.sleep(_AFTERWARDS_SECONDS)
            self._participant.deliver_late()
            await asyncio.sleep(_AFTERWARDS_SECONDS)
            return await self._observations()
        finally:
            failpoints.disarm_all()

    async def _rest(self) -> None:
        """Wait until the saga rests, for hours; where its code waits for a time, until that time and hours more."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + _PATIENCE_SECONDS
        while not self._at_rest.is_set() and (left := self._until - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._at_rest.wait(), left)

    def _answer_wait(self, wait: WaitBegan) -> None:
        """Somebody gives the signal that the code waits for, a while later, unless the scenario says otherwise."""
        if wait.due_at:
            self._until = max(self._until, (wait.due_at - EPOCH) / 1e9 + _PATIENCE_SECONDS)
        if not wait.signal or wait.key == self._scenario.unsaid:
            return
        for number in range(1 + (wait.key == self._scenario.repeated)):
            call_outside(_SIGNAL_SECONDS + number, partial(self._say, wait))

    def _say(self, wait: WaitBegan) -> None:
        self._watch(spawn_outside(self._say_until_heard(wait)))

    async def _say_until_heard(self, wait: WaitBegan) -> None:
        kind = self._saga_under_test.plan.signals[wait.signal].message
        message = Decision(approved=True) if kind is Decision else sample(kind)
        signal = Signal(wait.key, wait.signal, wait.message_type, message.SerializeToString(), Actor("fault matrix"))
        while True:
            orchestrator = self._orchestrators[-1]
            asked = orchestrator.spawn(orchestrator.signals.give(SAGA_ID, signal))
            await asyncio.wait((asked,), timeout=_SIGNAL_SECONDS)
            if asked.done() and not isinstance(asked.exception(), JournalError):
                if not isinstance(asked.exception(), ActRefused):  # a saga that is rolled back takes none
                    asked.result()
                return

    async def send(
        self,
        process: Process,  # noqa: ARG002 - see Network
        command: Command,
        request: bytes,
        metadata: Metadata,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Outcome:
        """One attempt of one orchestrator; see :class:`~orchestrator.testing.world.network.Network`."""
        self._recorder.note_sent(command, metadata, await self._state())
        await asyncio.sleep(_WAY_SECONDS)
        outcome = await self._delivered(command, request, metadata)
        if not related("verifies", dict(metadata)) and self._script.reach(IN_FLIGHT, key_of(metadata)):
            await asyncio.sleep(_PAUSE_SECONDS)
        timed_out = isinstance(outcome, Unknown) and outcome.failure.code is StatusCode.DEADLINE_EXCEEDED
        await asyncio.sleep(timeout if timed_out else _WAY_SECONDS)
        self._recorder.note_answered(metadata, outcome)
        return outcome

    async def _delivered(self, command: Command, request: bytes, metadata: Metadata) -> Outcome:
        """What comes of a delivery; a queue delivers again what was lost, to a participant that may have done it."""
        # By the contract as the participant has it; the saga's may be another.
        contract = self._participant.commands.get(command.name, command)
        fault = self._script(command, metadata)
        outcome = self._participant.answer(contract, request, metadata, fault)
        while self._queue is not None and fault in REDELIVERED:
            await asyncio.sleep(ACK_WAIT)
            fault = self._script(command, metadata)
            outcome = after_another_delivery(self._participant.answer(contract, request, metadata, fault))
        return outcome

    async def is_serving(self, service: str) -> bool:  # noqa: ARG002 - they are up and down together
        """Whether the participants say that they serve."""
        return not self._script.is_down()

    def _reach(self, failpoint: str, key: str) -> None:
        self._script.reach(failpoint, key)

    async def _open(self) -> None:
        """Start another orchestrator."""
        process = Process(f"replica-{len(self._orchestrators) + 1}")
        journal = ScriptedJournal(self._journal, process, self._script, self._at_rest, self._answer_wait)
        orchestrator = Orchestrator(process, journal, self._connection(process), self._saga_under_test)
        self._orchestrators.append(orchestrator)
        await orchestrator.spawn(orchestrator.worker.open())

    def _connection(self, process: Process) -> NetworkConnection | QueueConnection:
        if self._queue is None:
            return NetworkConnection(self, process)
        return QueueConnection(self._queue, process, VirtualClock())

    def _kill(self) -> None:
        self._orchestrators[-1].process.crash()
        self._watch(spawn_outside(self._note_left()))
        call_outside(_RESTART_SECONDS, lambda: self._watch(spawn_outside(self._open())))

    def _ask_cancel(self) -> None:
        self._watch(self._orchestrators[-1].spawn(self._cancel_now()))

    async def _cancel_now(self) -> None:
        try:
            await self._orchestrators[-1].acts.cancel(SAGA_ID, "the fault matrix cancels here", Actor("fault matrix"))
        except ActRefused as refusal:
            self._cancel = refusal.reason
        else:
            self._cancel = ACCEPTED

    def _note_status_during(self) -> None:
        self._watch(spawn_outside(self._look_at_status()))

    async def _look_at_status(self) -> None:
        self._during = (await self._state()).status

    async def _note_left(self) -> None:
        commands = (await self._state()).commands.values()
        self._left_in_doubt = frozenset(command.key for command in commands if command.in_doubt)

    async def _state(self) -> SagaState:
        """The state to which the durable entries lead."""
        return fold(SAGA_ID, await self._journal.read(SAGA_ID))

    def _start(self) -> StartSaga:
        definition, saga_input = self._saga_under_test.definition, self._saga_under_test.saga_input
        serialized = saga_input.SerializeToString(deterministic=True)
        return StartSaga(SAGA_ID, definition.name, definition.version, serialized, serialized)

    async def _observations(self) -> Observations:
        entries = await self._journal.read(SAGA_ID)
        return Observations(
            fold(SAGA_ID, entries),
            entries,
            self._participant.ledger,
            self._recorder,
            self._script.not_happened(),
            self._cancel,
            self._during,
            self._left_in_doubt,
            self._errors,
            [kept.event for kept in await self._journal.events(0, _MOST_EVENTS)],
        )

    def _watch(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._note_error)

    def _note_error(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(f"{type(error).__name__}: {error}")
