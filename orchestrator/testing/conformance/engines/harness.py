"""What an engine must offer to be tested, and what each scenario of the suite stands on.

::

    SCENARIOS ──▶ run_scenario(scenario, open_engine, lacks) ──▶ an engine over participants that answer as scripted
                        └── the scenario needs what the engine lacks: LacksMark, which a test shows as skipped

Invariant: a scenario knows the facade, and that the process which advances sagas can die; it never asks which engine
it has. Time is real, so every wait in it is short.
"""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from orchestrator.engine.sagas import StartSaga
from orchestrator.engine.starting import attributes_of
from orchestrator.journal.state import ENDED, Status
from orchestrator.testing.conformance.engines.sagas import DEFINITIONS, ORDER
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.sink import ScriptedSink

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from contextlib import AbstractAsyncContextManager

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.bulk.facade import BulkActs
    from orchestrator.engine.sagas import Sagas
    from orchestrator.engine.schedules.facade import Schedules
    from orchestrator.journal.outcome import Outcome
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.sink import Sink
    from shop.order.v1.order_service_pb2 import StartOrderRequest

    Definition = SagaDefinition[Any, Any, Any]

PATIENCE_SECONDS: Final = 80.0
"""How long a scenario waits for what must come. Nothing is measured against it."""

_LOOK_SECONDS: Final = 0.05
_SINK_SECONDS: Final = 1.0
"""A replica may hold the right to tell a sink for three times as long after its death."""


class Mark(enum.Enum):
    """What an engine may lack. Each one is declared by the engine, and documented where it is described."""

    REASON_TEXT = "finds sagas by a text in the sentence that says why they stopped"
    FIGURES = "tells how sagas fared over time"
    INPUTS = "tells the inputs of many sagas at once"


class EngineUnderTest(Protocol):
    """An open engine, and the process in which it advances sagas."""

    @property
    def sagas(self) -> Sagas:
        """The facade, of the process that is there now."""

    @property
    def schedules(self) -> Schedules:
        """The facade of schedules, of the same process."""

    @property
    def bulk(self) -> BulkActs:
        """The facade of bulk acts, of the same process."""

    async def restart(self, definitions: Sequence[Definition] | None = None) -> None:
        """Kill the process that advances sagas, whatever it does, and start another.

        Args:
            definitions: what the other one serves; ``None`` for the same.
        """


class OpenEngine(Protocol):
    """Opens an engine that has no saga yet, and closes it when the block is left."""

    def __call__(
        self,
        definitions: Sequence[Definition],
        participants: ScriptedParticipants,
        observer: RecordingObserver,
        sink: Sink | None = None,
    ) -> AbstractAsyncContextManager[EngineUnderTest]:
        """Open it.

        Args:
            definitions: the sagas that it serves.
            participants: where all of its commands go, from whichever of its processes.
            observer: sees what has become durable.
            sink: to whom all of its processes tell events; ``None`` where nobody is to be told.
        """


class LacksMark(Exception):
    """A scenario was not run, because the engine says that it lacks what the scenario is about."""


class Answer:
    """An answer for which the caller waits until the scenario gives it.

    Attributes:
        asked: set once an attempt waits for it.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._outcome: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> Outcome | None:
        """Wait for it."""
        self.asked.set()
        return await asyncio.shield(self._outcome)

    def give(self, outcome: Outcome | None = None) -> None:
        """The attempt comes to this; to completed, where nothing is said."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)


@dataclass
class Stage:
    """What a scenario works with.

    Attributes:
        engine: under test.
        participants: where its commands go.
        observer: sees what has become durable.
        sink: to whom events are told, in scenarios that are about events.
    """

    engine: EngineUnderTest
    participants: ScriptedParticipants
    observer: RecordingObserver
    sink: ScriptedSink = field(default_factory=ScriptedSink)
    _answers: list[Answer] = field(default_factory=list)

    @property
    def sagas(self) -> Sagas:
        """The facade."""
        return self.engine.sagas

    @property
    def schedules(self) -> Schedules:
        """The facade of schedules."""
        return self.engine.schedules

    @property
    def bulk(self) -> BulkActs:
        """The facade of bulk acts."""
        return self.engine.bulk

    def request(self, definition: Definition, saga_id: str, order: StartOrderRequest = ORDER) -> StartSaga:
        """What starts a saga."""
        served = self.sagas.find(definition.name, definition.version)
        assert served is not None, f"{definition} is not served"
        data = order.SerializeToString(deterministic=True)
        return StartSaga(saga_id, definition.name, definition.version, data, data, attributes_of(served, order))

    async def start(self, definition: Definition, saga_id: str, order: StartOrderRequest = ORDER) -> SagaState:
        """Start a saga; as it stands then."""
        return await self.sagas.start(self.request(definition, saga_id, order))

    async def run(self, definition: Definition, saga_id: str, order: StartOrderRequest = ORDER) -> SagaState:
        """Start a saga, and wait until it has ended or is suspended."""
        await self.start(definition, saga_id, order)
        return await self.rests(saga_id)

    async def rests(self, saga_id: str) -> SagaState:
        """The saga, once it has ended or is suspended."""
        return await self.comes_to(saga_id, *ENDED, Status.SUSPENDED)

    async def comes_to(self, saga_id: str, *statuses: Status) -> SagaState:
        """The saga, once it has one of these statuses."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                state = await self.sagas.get(saga_id)
                if state.status in statuses:
                    return state
                await asyncio.sleep(_LOOK_SECONDS)

    async def eventually(self, look: Callable[[], Awaitable[object]]) -> None:
        """Look again and again until what is seen is true: a list may be a moment late."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if await look():
                    return
                await asyncio.sleep(_LOOK_SECONDS)

    def hold(self, method: str) -> Answer:
        """Let the next attempt at this method wait for its answer."""
        answer = Answer()
        self._answers.append(answer)
        self.participants.scripts[method].append(answer)
        return answer

    def release(self) -> None:
        """Answer whatever still waits: the scenario is over."""
        for answer in self._answers:
            answer.give()


class Scenario(NamedTuple):
    """One thing that an engine must do.

    Attributes:
        name: as a sentence.
        run: does it, and asserts what must be so.
        needs: what an engine may lack.
        with_sink: there is somebody to whom events are told.
    """

    name: str
    run: Callable[[Stage], Awaitable[None]]
    needs: frozenset[Mark] = frozenset()
    with_sink: bool = False


async def run_scenario(scenario: Scenario, open_engine: OpenEngine, lacks: Collection[Mark] = ()) -> None:
    """Run one scenario on one engine.

    Raises:
        AssertionError: the engine does not do what every engine must do.
        LacksMark: the engine says that it lacks what the scenario is about.
    """
    if missing := scenario.needs.intersection(lacks):
        raise LacksMark("; ".join(sorted(f"it lacks what {mark.value}" for mark in missing)))
    participants, observer, sink = ScriptedParticipants(), RecordingObserver(), ScriptedSink()
    sink.timeout = _SINK_SECONDS
    async with open_engine(DEFINITIONS, participants, observer, sink if scenario.with_sink else None) as engine:
        stage = Stage(engine, participants, observer, sink)
        try:
            await scenario.run(stage)
        finally:
            stage.release()
