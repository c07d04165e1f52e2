"""Every engine, and how its process is killed. A new one joins the suite by a line in ``ENGINES``."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.replica.assemble import assemble
from orchestrator.engine.temporal.bulk.control import bulk_acts_on
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.opening import WorkerOptions, opened
from orchestrator.engine.temporal.replaying import replay_histories
from orchestrator.engine.temporal.schedules.kept import schedules_on
from orchestrator.events.relays import Relays
from orchestrator.events.shared_sink import SharedSink
from orchestrator.ports.adapters import Adapters
from orchestrator.store.memory.journal import MemoryJournal, MemoryState
from orchestrator.store.opening import open_store
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.virtual_loop import Process
from tests.support.postgres import new_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pytest

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.bulk.facade import BulkActs
    from orchestrator.engine.replica.replica import Replica
    from orchestrator.engine.sagas import Sagas
    from orchestrator.engine.schedules.facade import Schedules
    from orchestrator.engine.temporal.sagas import TemporalSagas
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.sink import Sink
    from orchestrator.testing.conformance.engines import Mark, OpenEngine
    from orchestrator.testing.world.observer import RecordingObserver
    from orchestrator.testing.world.participants import ScriptedParticipants

    Definition = SagaDefinition[Any, Any, Any]
    OpenJournal = Callable[[], Awaitable[Journal]]

_LEASE_SECONDS: Final = 1.0


class ReplicaUnderTest:
    """One replica of ours after another, each a process of its own as far as the world can tell."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        participants: ScriptedParticipants,
        observer: RecordingObserver,
        open_journal: OpenJournal,
        sink: Sink | None = None,
    ) -> None:
        self._definitions = definitions
        self._participants = participants
        self._observer = observer
        self._open_journal = open_journal
        self._sinks = [] if sink is None else [sink]
        self._number = 0
        self._process = Process("none yet")
        self._replica: Replica | None = None
        self._relays: Relays | None = None

    @property
    def sagas(self) -> Sagas:
        assert self._replica is not None
        return self._replica

    @property
    def schedules(self) -> Schedules:
        assert self._replica is not None
        return self._replica.schedules

    @property
    def bulk(self) -> BulkActs:
        assert self._replica is not None
        return self._replica.bulk

    async def open(self) -> None:
        self._number += 1
        self._process = Process(f"replica-{self._number}")
        adapters = Adapters(
            await self._open_journal(),
            NetworkConnection(self._participants, self._process),
            self._observer,
            SystemClock(),
            random.random,
        )
        owner, lease = self._process.name, _LEASE_SECONDS
        tells = bool(self._sinks)
        self._replica = assemble(self._definitions, adapters, owner=owner, lease=lease, tells_life=tells)
        if tells:
            clock, day = SystemClock(), 86_400.0
            self._relays = Relays(
                adapters.journal, self._sinks, clock, owner=owner, lease=lease, give_up_after=day, keep_for=day
            )
            self._replica.worker.live.on_told = self._relays.wake
            self._relays.open()
        await self._replica.worker.begin()

    async def restart(self, definitions: Sequence[Definition] | None = None) -> None:
        """Let it hear and write nothing more, and open the next one: it has to wait for the lease, as in life."""
        self._definitions = definitions or self._definitions
        await self.kill()
        await self.open()

    async def kill(self) -> None:
        assert self._replica is not None
        worker = self._replica.worker
        self._process.crash()
        worker.recovery.close()
        for each in worker.beside:
            each.close()
        for executor in list(worker.live.values()):
            executor.give_way()
        await asyncio.sleep(0)
        await worker.adapters.journal.close()
        await self._hush()

    async def close(self) -> None:
        assert self._replica is not None
        await self._replica.worker.close(grace=0.1)
        await self._hush()
        await self._replica.worker.adapters.journal.close()

    async def _hush(self) -> None:
        """Tell nothing more; where the journal is closed, nobody learns that another one may."""
        if self._relays is not None:
            await self._relays.close(seconds=0.0)


def _replicas(open_journal: OpenJournal) -> OpenEngine:
    @asynccontextmanager
    async def opened(
        definitions: Sequence[Definition],
        participants: ScriptedParticipants,
        observer: RecordingObserver,
        sink: Sink | None = None,
    ) -> AsyncIterator[ReplicaUnderTest]:
        engine = ReplicaUnderTest(definitions, participants, observer, open_journal, sink)
        await engine.open()
        try:
            yield engine
        finally:
            await engine.close()

    return opened


@contextmanager
def _in_memory(_request: pytest.FixtureRequest, _folder: Path) -> Iterator[OpenEngine]:
    state = MemoryState()

    async def open_it() -> Journal:
        return MemoryJournal(SystemClock.now, state)

    yield _replicas(open_it)


@contextmanager
def _in_a_file(_request: pytest.FixtureRequest, folder: Path) -> Iterator[OpenEngine]:
    yield _replicas(lambda: open_store(f"sqlite:{folder}/journal.db"))


@contextmanager
def _on_postgres(request: pytest.FixtureRequest, _folder: Path) -> Iterator[OpenEngine]:
    with new_database(request.getfixturevalue("postgres_server")) as url:
        yield _replicas(lambda: open_store(url))


class TemporalUnderTest:
    """Workers of Temporal, one process after another as far as the participants can tell."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        participants: ScriptedParticipants,
        observer: RecordingObserver,
        url: str,
        options: WorkerOptions,
        sink: Sink | None = None,
    ) -> None:
        self._definitions = self._first = definitions
        self._participants = participants
        self._observer = observer
        self._url = url
        self._options = options
        self._sinks = [] if sink is None else [SharedSink(sink, SystemClock())]
        self._process = Process("none yet")
        self._opened: AsyncExitStack | None = None
        self._sagas: TemporalSagas | None = None
        self._schedules: Schedules | None = None
        self._bulk: BulkActs | None = None

    @property
    def sagas(self) -> Sagas:
        assert self._sagas is not None
        return self._sagas

    @property
    def schedules(self) -> Schedules:
        assert self._schedules is not None
        return self._schedules

    @property
    def bulk(self) -> BulkActs:
        assert self._bulk is not None
        return self._bulk

    async def open(self) -> None:
        self._process = Process("worker")
        self._opened = AsyncExitStack()
        client = await connect(self._url)
        self._schedules = schedules_on(client, SystemClock())
        self._bulk = bulk_acts_on(client, SystemClock())
        self._sagas = await self._opened.enter_async_context(
            opened(
                client,
                self._definitions,
                NetworkConnection(self._participants, self._process),
                self._observer,
                SystemClock(),
                self._options,
                sinks=self._sinks,
            )
        )

    async def restart(self, definitions: Sequence[Definition] | None = None) -> None:
        """What it does goes nowhere, and the next worker begins."""
        self._definitions = definitions or self._definitions
        await self.close()
        await self.open()

    async def close(self) -> None:
        assert self._opened is not None
        self._process.crash()
        await self._opened.aclose()

    async def check_histories(self) -> None:
        """Temporal's own replayer accepts every history, of whatever stands in the namespace."""
        client = await connect(self._url)
        failed = [each async for each in replay_histories(client, self._first, SystemClock()) if each.failure]
        assert failed == []


def _on_temporal(options: WorkerOptions) -> Callable[[pytest.FixtureRequest, Path], AbstractContextManager[OpenEngine]]:
    @contextmanager
    def made(request: pytest.FixtureRequest, _folder: Path) -> Iterator[OpenEngine]:
        url = request.getfixturevalue("temporal_namespaces").take()

        @asynccontextmanager
        async def opened_engine(
            definitions: Sequence[Definition],
            participants: ScriptedParticipants,
            observer: RecordingObserver,
            sink: Sink | None = None,
        ) -> AsyncIterator[TemporalUnderTest]:
            engine = TemporalUnderTest(definitions, participants, observer, url, options, sink)
            await engine.open()
            try:
                yield engine
            finally:
                await engine.close()
            await engine.check_histories()

        yield opened_engine

    return made


ENGINES: Final[dict[str, Callable[[pytest.FixtureRequest, Path], AbstractContextManager[OpenEngine]]]] = {
    "replicas in memory": _in_memory,
    "replicas on sqlite": _in_a_file,
    "replicas on postgresql": _on_postgres,
    "temporal": _on_temporal(WorkerOptions(grace=0.0)),
    "temporal without a cache, in short runs": _on_temporal(WorkerOptions(cached_sagas=0, most_events=60, grace=0.0)),
}
"""What makes an engine without sagas, for a test and its folder."""

LACKS: Final[dict[str, Collection[Mark]]] = {}
"""What an engine does not have, by its name: as it is documented where the engine is described. None lacks anything."""

LONG: Final = tuple(name for name in ENGINES if name != "replicas in memory")
"""Are tested by ``make test-long`` alone."""
