"""One saga, from its start to its end, under one scenario.

Purpose: runs the engine itself, over mocks of the saga's participants, with a journal in memory and in virtual time.
What a dead orchestrator does is neither written nor sent, as with a killed process; the next one takes over once the
lease has lapsed. Invariant: the same rehearsal goes the same way each time.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.analysis.plan.nodes import Issue, walk
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.run import failpoints
from orchestrator.engine.sagas import StartSaga
from orchestrator.errors import ActRefused
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Unknown
from orchestrator.testing.matrix.journal import SharedJournal
from orchestrator.testing.matrix.recorder import Recorder
from orchestrator.testing.matrix.replica import Replica
from orchestrator.testing.matrix.scenario import IN_FLIGHT, Script, key_of
from orchestrator.testing.mock import ContractParticipant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.message import Message

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import SagaState, Status
    from orchestrator.testing.matrix.scenario import Scenario
    from orchestrator.testing.mock import EffectLedger
    from orchestrator.testing.mock.calls import Metadata

SAGA_ID: Final = "matrix"
ACCEPTED: Final = "accepted"
"""What came of a cancel that was not refused."""

_PATIENCE_SECONDS: Final = 4 * 60 * 60.0
_AFTERWARDS_SECONDS: Final = 60.0
_RESTART_SECONDS: Final = 1.0
_WAY_SECONDS: Final = 0.005
_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class SagaUnderTest:
    """What is rehearsed.

    Attributes:
        definition: the saga.
        plan: what can be read from its code.
        order: its input.
        replies: fields of replies that must not be made up, by the full name of the rpc.

    A child saga is rehearsed as the one command that it is to its parent: mocked, and struck by every fault like any
    other. What goes on inside it, the child's own matrix shows.
    """

    definition: SagaDefinition[Any, Any, Any]
    plan: Plan
    order: Message
    replies: Mapping[str, Message]

    @property
    def children(self) -> tuple[Issue, ...]:
        """The places at which the saga runs a child, one for each definition."""
        issues = (node for node in walk(self.plan.root) if isinstance(node, Issue) and node.child is not None)
        return tuple({issue.command.name: issue for issue in issues}.values())


@dataclass(frozen=True, slots=True)
class Observations:
    """What was seen.

    Attributes:
        state: the state to which the journal leads in the end; without a status where the saga never started.
        entries: the journal.
        ledger: the effects.
        witness: the deliveries.
        not_happened: what of the scenario has not happened.
        cancel: what came of the cancel: ``accepted``, or why it was refused; empty without an answer.
        meanwhile: the saga's status when a strike that lasts was about to end.
        left_in_doubt: the keys of the commands that were in doubt when the orchestrator was killed.
        accidents: what starting, recovering and cancelling have raised.
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


class ScenarioRun:
    """Runs a production once; see :meth:`run`."""

    def __init__(self, saga_under_test: SagaUnderTest, scenario: Scenario) -> None:
        self._saga_under_test = saga_under_test
        self._script = Script(scenario, cancel=self._ask_cancel, kill=self._kill, injection_ended=self._look_at_status)
        self._journal = SharedJournal(self._script)
        services = [participant.service for participant in saga_under_test.definition.participants]
        self._participant = ContractParticipant(
            services, replies=saga_under_test.replies, children=[issue.command for issue in saga_under_test.children]
        )
        self._recorder = Recorder(self._participant.ledger)
        self._replicas: list[Replica] = []
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
            self._spawn(self._replicas[0].worker.start(self._start()))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._journal.at_rest.wait(), _PATIENCE_SECONDS)
            await asyncio.sleep(_AFTERWARDS_SECONDS)
            self._participant.deliver_late()
            await asyncio.sleep(_AFTERWARDS_SECONDS)
            observations = await self._observations()
            await self._replicas[-1].worker.close(_PAUSE_SECONDS)
        finally:
            failpoints.disarm_all()
        await _end_tasks()
        return observations

    async def send(
        self,
        owner: str,
        command: Command,
        request: bytes,
        metadata: Metadata,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Outcome:
        """One attempt of one replica, which may die meanwhile."""
        await self._journal.unless_dead(owner)
        self._recorder.note_sent(command, metadata, await self._journal.state(SAGA_ID))
        await asyncio.sleep(_WAY_SECONDS)
        fault = self._script(command, metadata)
        # By the contract as the participant has it; the saga's may be another.
        outcome = self._participant.answer(
            self._participant.commands.get(command.name, command), request, metadata, fault
        )
        if "verifies" not in dict(metadata) and self._script.reach(IN_FLIGHT, key_of(metadata)):
            await asyncio.sleep(_PAUSE_SECONDS)
        timed_out = isinstance(outcome, Unknown) and outcome.failure.code is StatusCode.DEADLINE_EXCEEDED
        await asyncio.sleep(timeout if timed_out else _WAY_SECONDS)
        await self._journal.unless_dead(owner)
        self._recorder.note_answered(metadata, outcome)
        return outcome

    async def is_serving(self) -> bool:
        """Whether the participants say that they serve."""
        return not self._script.is_down()

    def _reach(self, failpoint: str, key: str) -> None:
        self._script.reach(failpoint, key)

    async def _open(self) -> None:
        """Start another orchestrator."""
        replica = Replica(f"replica-{len(self._replicas) + 1}", self._saga_under_test, self._journal, self)
        self._replicas.append(replica)
        await replica.worker.open()

    def _kill(self) -> None:
        self._journal.dead.add(self._replicas[-1].name)
        self._spawn(self._note_left())
        asyncio.get_running_loop().call_later(_RESTART_SECONDS, lambda: self._spawn(self._open()))

    def _ask_cancel(self) -> None:
        self._spawn(self._cancel_now())

    async def _cancel_now(self) -> None:
        try:
            await self._replicas[-1].acts.cancel(SAGA_ID, "the fault matrix cancels here", "fault matrix")
        except ActRefused as refusal:
            self._cancel = refusal.reason
        else:
            self._cancel = ACCEPTED

    def _look_at_status(self) -> None:
        self._spawn(self._note_meanwhile())

    async def _note_meanwhile(self) -> None:
        self._during = (await self._journal.state(SAGA_ID)).status

    async def _note_left(self) -> None:
        commands = (await self._journal.state(SAGA_ID)).commands.values()
        self._left_in_doubt = frozenset(command.key for command in commands if command.in_doubt)

    def _start(self) -> StartSaga:
        definition, order = self._saga_under_test.definition, self._saga_under_test.order
        serialized = order.SerializeToString(deterministic=True)
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
        )

    def _spawn(self, work: Any) -> None:  # noqa: ANN401 - a coroutine of any result
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_error)

    def _note_error(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(f"{type(error).__name__}: {error}")


async def _end_tasks() -> None:
    """The rehearsal is over: end what is left of it. What rolls back does not end at the first request."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=_PAUSE_SECONDS)
