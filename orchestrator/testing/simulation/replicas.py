"""The replicas of a simulated world: real workers, which crash, stop, stand still, and come back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from orchestrator.engine.replica.assemble import assemble
from orchestrator.errors import JournalError
from orchestrator.events.relay import Relay
from orchestrator.ports.adapters import Adapters
from orchestrator.testing.simulation.store import SimulatedJournal
from orchestrator.testing.world.clock import VirtualClock
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import NullObserver
from orchestrator.testing.world.virtual_loop import Process

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from random import Random

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.replica.capacity.limits import Limits
    from orchestrator.journal.entries import Entry
    from orchestrator.testing.simulation.fault_rates import FaultRates
    from orchestrator.testing.simulation.invariants import Invariants
    from orchestrator.testing.simulation.network import Network
    from orchestrator.testing.simulation.sagas_under_test import SagasUnderTest
    from orchestrator.testing.simulation.sink import SimulatedSink
    from orchestrator.testing.simulation.store import SimulatedStore
    from orchestrator.testing.simulation.timeline import Timeline

    Definition = SagaDefinition[Any, Any, Any]

_LEASE_SECONDS: Final = 3.0
_GRACE_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 1.0
_FOR_EVER_SECONDS: Final = 1e9
_LONGEST_ABSENCE: Final = 8.0


class InvariantsObserver(NullObserver):
    """Tells the invariants which replica advances a saga; what is durable they know from the journal itself."""

    def __init__(self, name: str, invariants: Invariants) -> None:
        self._name = name
        self._invariants = invariants

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:  # noqa: ARG002 - the port's
        """The replica goes on with a saga."""
        self._invariants.note_advancing(self._name, saga_id)


class ReplicaProcess:
    """A replica from its start to its end; the next one has another name and remembers nothing.

    Attributes:
        name: its name.
        process: what runs it.
        worker: the worker.
        sagas: the facade, through which operators act on sagas of any replica.
        schedules: when sagas start by themselves.
        relay: tells the sink of events.
        is_open: it has recovered what there was, and answers.
        is_stopping: it is being stopped in good order.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        store: SimulatedStore,
        sink: SimulatedSink,
        sagas: SagasUnderTest,
        definitions: Sequence[Definition],
        clock: VirtualClock,
        limits: Limits,
    ) -> None:
        random = network.random
        self.name = name
        self.process = Process(name)
        connection = NetworkConnection(network, self.process)
        self._invariants = network.invariants
        adapters = Adapters(
            SimulatedJournal(store, self.process),
            connection,
            InvariantsObserver(name, network.invariants),
            clock,
            random.random,
        )
        replica = assemble(
            definitions,
            adapters,
            owner=name,
            lease=_LEASE_SECONDS,
            limits=limits,
            plan_of=lambda definition: sagas.plans[str(definition)],
            tells_life=True,
        )
        self.relay = Relay(
            adapters.journal, sink, clock, owner=name, lease=_LEASE_SECONDS, give_up_after=_FOR_EVER_SECONDS
        )
        replica.worker.live.on_told = self.relay.wake
        replica.worker.beside.remove(replica.bulk_runner)  # nobody asks for a bulk act in a simulated world
        self.is_open = False
        self.is_stopping = False
        self.sagas, self.worker, self.schedules = replica, replica.worker, replica.schedules
        self._opening: asyncio.Task[Any] | None = None

    def begin(self) -> None:
        """Start it."""
        self._opening = self.spawn(self.open())

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something in this replica."""
        return self.process.spawn(work)

    async def open(self) -> None:
        """Recover what no replica advances, and be there for customers. Without the journal, try again."""
        while True:
            try:
                await self.worker.open()
                break
            except JournalError:
                await asyncio.sleep(_RETRY_SECONDS)
        self.is_open = True
        self.relay.open()

    async def close(self) -> None:
        """Stop in good order, be it before it was open."""
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait((self._opening,))
        with contextlib.suppress(JournalError):
            await self.worker.close(_GRACE_SECONDS)
            self._invariants.leases.handed_over(self.name, VirtualClock().now())
        await self.relay.close(_GRACE_SECONDS)

    def serves(self, definition: Definition) -> int:
        """The newest version of a saga that it serves and that takes the same input, this one at most; 0 for none."""
        versions = [
            served.definition.version
            for served in self.worker.served
            if served.definition.name == definition.name and served.definition.input is definition.input
        ]
        return max((version for version in versions if version <= definition.version), default=0)


class SimulatedReplica:
    """A place for a replica, in which one process follows another.

    Attributes:
        current: the present process.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        store: SimulatedStore,
        sink: SimulatedSink,
        sagas: SagasUnderTest,
        definitions: Sequence[Definition],
        timeline: Timeline,
        limits: Limits,
    ) -> None:
        self._name = name
        self._network = network
        self._store = store
        self._sink = sink
        self._sagas = sagas
        self._definitions = definitions
        self._timeline = timeline
        self._limits = limits
        self._starts = 0
        self._in_trouble = asyncio.Lock()
        self.current = self._begin()

    @property
    def answers(self) -> bool:
        """It is there for customers."""
        return self.current.is_open and not self.current.process.frozen

    def _begin(self) -> ReplicaProcess:
        self._starts += 1
        random, rates = self._network.random, self._network.fault_rates
        skew, drift = rates.skew / 2, rates.drift / 2
        clock = VirtualClock(random.uniform(-skew, skew), random.uniform(-drift, drift))
        name = f"{self._name}.{self._starts}"
        self._timeline.note(name, "opened")
        process = ReplicaProcess(
            name, self._network, self._store, self._sink, self._sagas, self._definitions, clock, self._limits
        )
        process.begin()
        return process

    async def live(self, fault_rates: FaultRates, random: Random) -> None:
        """Crash, stop and pause at these rates, until cancelled."""
        rates = (fault_rates.replica_crashes, fault_rates.replica_stops, fault_rates.replica_pauses)
        while sum(rates):
            await asyncio.sleep(random.expovariate(sum(rates)))
            (trouble,) = random.choices((self._crash, self._stop, self._pause), rates)
            async with self._in_trouble:
                await trouble(random)

    async def deploy(self, definitions: Sequence[Definition], random: Random) -> None:
        """Stop it in good order, and have its next process serve these sagas."""
        async with self._in_trouble:
            self._definitions = definitions
            self._timeline.note(self._name, "deployed", *map(str, definitions))
            await self._stop(random)

    def recover_now(self, definitions: Sequence[Definition]) -> None:
        """End the present fault: restart what crashed, resume what is paused, deploy what is not deployed yet."""
        is_behind = self._definitions is not definitions
        self._definitions = definitions
        if self.current.process.crashed or self.current.is_stopping or is_behind:
            self.current.process.crash()
            self.current = self._begin()
        elif self.current.process.frozen:
            self._go_on()

    async def _crash(self, random: Random) -> None:
        self._timeline.note(self.current.name, "crashed")
        self.current.process.crash()
        await asyncio.sleep(random.uniform(0.1, _LONGEST_ABSENCE))
        self.current = self._begin()

    async def _stop(self, random: Random) -> None:
        process = self.current
        self._timeline.note(process.name, "stopping")
        process.is_open, process.is_stopping = False, True
        closing = process.spawn(process.close())
        await asyncio.wait((closing,), timeout=_GRACE_SECONDS * 2)
        self._timeline.note(process.name, "stopped")
        process.process.crash()
        await asyncio.sleep(random.uniform(0.1, _LONGEST_ABSENCE / 4))
        self.current = self._begin()

    async def _pause(self, random: Random) -> None:
        self._timeline.note(self.current.name, "paused")
        self.current.process.freeze()
        await asyncio.sleep(random.uniform(0.2, _LONGEST_ABSENCE))
        self._go_on()

    def _go_on(self) -> None:
        self._timeline.note(self.current.name, "went_on")
        self._network.loop.thaw(self.current.process)
