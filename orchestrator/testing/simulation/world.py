"""One simulated world, from its beginning to the final check.

Purpose: the real engine, in several replicas, in a world that one seed decides: schedule, time, network, participants,
journal, customers and operators. Invariant: the same seed makes the same world, event by event.

::

    faults: everything may go wrong ──▶ no more faults: every saga must end or be suspended
                                              │
                      the final check ◀── operators decide about what is suspended, until all has ended
"""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.journal.state import Status
from orchestrator.testing.simulation.drawn_limits import draw_limits
from orchestrator.testing.simulation.fault_rates import NO_FAULTS, FaultRates
from orchestrator.testing.simulation.final_check import FinalCheck
from orchestrator.testing.simulation.invariants import Invariants
from orchestrator.testing.simulation.isolation import log_captured, without_garbage_collection
from orchestrator.testing.simulation.network import Network
from orchestrator.testing.simulation.promises import Broken, Promise
from orchestrator.testing.simulation.replicas import SimulatedReplica
from orchestrator.testing.simulation.scheduled import ScheduleClients
from orchestrator.testing.simulation.settling import awaiting_signals, latest_timer, unsettled
from orchestrator.testing.simulation.sink import SimulatedSink
from orchestrator.testing.simulation.store import SimulatedStore
from orchestrator.testing.simulation.timeline import Timeline
from orchestrator.testing.world.clock import VirtualClock
from orchestrator.testing.world.virtual_loop import StandsStill, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.store.memory.journal import MemoryJournal
    from orchestrator.testing.simulation.sagas_under_test import SagasUnderTest

    Definition = SagaDefinition[Any, Any, Any]

_FAULTY_SECONDS: Final = 25.0
_LONGEST_RECOVERY_SECONDS: Final = 900.0
_SAGAS: Final = (6, 14)
_REPLICAS: Final = (2, 3)
_DEPLOYS: Final = 0.4
"""In how many worlds a new version is deployed, where some saga has several."""
_LONGEST_DEPLOY_PAUSE: Final = 6.0
_OPERATOR_ROUNDS: Final = 40
_LATEST_ARRIVAL_SECONDS: Final = 30.0


class Outcome(NamedTuple):
    """What became of one world.

    Attributes:
        seed: which.
        sagas: how many sagas it held.
        ends: how many of them ended with each status.
        completed: the names of the definitions of which a saga has completed.
        broken: the promises that were broken, the first one first; empty where all were kept.
        timeline: what happened.
        seconds: virtual seconds that passed.
    """

    seed: int
    sagas: int
    ends: dict[str, int]
    completed: frozenset[str]
    broken: tuple[Broken, ...]
    timeline: Timeline
    seconds: float


def simulate(seed: int, journal: Callable[[Callable[[], int]], MemoryJournal], sagas: SagasUnderTest) -> Outcome:
    """Make one world and see what becomes of it.

    Args:
        seed: decides everything.
        sagas: what runs in it.
        journal: makes the journal under test, for the time by which it judges leases: that of the world, and of no
            replica.
    """
    with without_garbage_collection(), contextlib.closing(VirtualLoop(Random(f"{seed}/schedule"))) as loop:  # noqa: S311 - no secret
        world = _World(seed, loop, journal(VirtualClock().now), sagas)
        with log_captured(world.note_log):
            world.run()
        return world.outcome()


class _World:
    """Everything in one world."""

    def __init__(self, seed: int, loop: VirtualLoop, journal: MemoryJournal, sagas: SagasUnderTest) -> None:
        self._seed = seed
        self._sagas = sagas
        self._loop = loop
        self._random = Random(seed)  # noqa: S311 - no secret
        self._journal = journal
        self._broken: list[Broken] = []
        self._over = False
        self.timeline = Timeline(loop.time)
        self._invariants = Invariants(self._note_broken)
        self._fault_rates = FaultRates.draw(self._random)
        loop.set_exception_handler(self._note_error)

    def run(self) -> None:
        """Let it happen."""
        phases = self._loop.create_task(self._run_phases())
        phases.add_done_callback(lambda _: self._loop.stop())
        try:
            self._loop.run_forever()
            if not self._broken:
                phases.result()
        except StandsStill as error:
            self._invariants.report(Promise.NOTHING_IS_LOST, f"the world stands still: {error}")
        self._sweep()

    def outcome(self) -> Outcome:
        """What became of it."""
        states = [observed.state for observed in self._invariants.sagas.values()]
        statuses = [state.status for state in states]
        ends = {status.name.lower(): statuses.count(status) for status in Status if status in statuses}
        completed = frozenset(state.definition for state in states if state.status is Status.COMPLETED)
        broken = tuple(self._broken)
        return Outcome(self._seed, len(states), ends, completed, broken, self.timeline, self._loop.time())

    async def _run_phases(self) -> None:
        random, timeline = self._random, self.timeline
        definitions = self._sagas.draw(random)
        before = self._served_before(definitions)
        network = Network(self._sagas, self._loop, random, self._fault_rates, timeline, self._invariants)
        store = SimulatedStore(self._journal, self._loop, random, self._fault_rates, timeline, self._invariants)
        sink = SimulatedSink(self._seed, self._fault_rates, timeline, self._invariants)
        limits = draw_limits(self._seed, [service.full_name for service in self._sagas.services])
        replicas = [
            SimulatedReplica(f"replica-{number}", network, store, sink, self._sagas, before, timeline, limits)
            for number in range(1, random.randint(*_REPLICAS) + 1)
        ]
        clients = ScheduleClients(replicas, self._sagas, random, timeline, self._invariants, self._seed)
        starts = [
            self._loop.create_task(clients.start(f"saga-{number}", random.uniform(0, _FAULTY_SECONDS * 0.6)))
            for number in range(1, random.randint(*_SAGAS) + 1)
        ]
        starts += [self._loop.create_task(each) for each in clients.schedules()]
        faults = [
            *(replica.live(self._fault_rates, random) for replica in replicas),
            *(host.live(self._fault_rates.participant_crashes, random, timeline) for host in network.hosts.values()),
            clients.operate(self._fault_rates.operators),
            *([_deploy(replicas, definitions, random)] if before is not definitions else []),
        ]
        await self._inject_faults([self._loop.create_task(each) for each in faults])
        timeline.note("world", "no_more_faults")
        network.fault_rates = store.fault_rates = sink.fault_rates = NO_FAULTS
        for host in network.hosts.values():
            host.up = True
        for replica in replicas:
            replica.recover_now(definitions)
        await self._settle_all(starts, clients, store)
        await self._until_all_told()
        await FinalCheck(self._invariants).check(self._journal)
        await clients.check_schedules(self._journal)

    def _served_before(self, definitions: Sequence[Definition]) -> Sequence[Definition]:
        """What is served when the world begins: in some worlds, what was served before a deploy."""
        outdated = self._sagas.outdated
        if not outdated or self._random.random() >= _DEPLOYS:
            return definitions
        return tuple(definition for definition in definitions if str(definition) in outdated)

    async def _inject_faults(self, faults: list[asyncio.Task[None]]) -> None:
        await asyncio.sleep(_FAULTY_SECONDS)
        for task in faults:
            task.cancel()
        await asyncio.wait(faults)

    async def _settle_all(
        self, starts: list[asyncio.Task[None]], clients: ScheduleClients, store: SimulatedStore
    ) -> None:
        """Everything must end, or wait for an operator, who then decides."""
        for _ in range(_OPERATOR_ROUNDS):
            await self._until_all_settled(starts, clients, store)
            suspended = clients.suspended()
            if not suspended:
                break
            for saga_id in suspended:
                await clients.decide(saga_id)
        await asyncio.sleep(_LATEST_ARRIVAL_SECONDS)

    async def _until_all_settled(
        self, starts: list[asyncio.Task[None]], clients: ScheduleClients, store: SimulatedStore
    ) -> None:
        sagas = self._invariants.sagas
        until = self._loop.time() + _LONGEST_RECOVERY_SECONDS
        while self._loop.time() < max(until, latest_timer(sagas) + _LONGEST_RECOVERY_SECONDS):
            await asyncio.sleep(1.0)
            to_come = await clients.unsettled_schedules(self._journal)
            is_settled = store.is_settled and not unsettled(sagas) and not to_come
            if is_settled and all(start.done() for start in starts):
                return
            for saga_id in awaiting_signals(sagas):
                await clients.signal(saga_id)
        for saga_id in [*unsettled(sagas), *await clients.unsettled_schedules(self._journal)]:
            self._invariants.report(Promise.NOTHING_IS_LOST, f"{saga_id} does not come to an end")

    async def _until_all_told(self) -> None:
        """Whatever has happened must be told."""
        for _ in range(int(_LONGEST_RECOVERY_SECONDS)):
            if not self._invariants.events.untold():
                break
            await asyncio.sleep(1.0)
        sagas = self._invariants.sagas.items()
        self._invariants.events.check_end({saga_id: observed.state for saga_id, observed in sagas})

    def _note_broken(self, broken: Broken) -> None:
        if self._over:
            return
        self.timeline.note("world", "BROKEN", broken)
        self._broken.append(broken)
        self._loop.stop()

    def _note_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something raised an exception that no code caught."""
        error = context.get("exception")
        if context["message"].startswith("Exception in callback"):
            self._invariants.report(Promise.NOTHING_IS_LOST, f"{context['message']}: {error!r}")

    def note_log(self, message: str) -> None:
        """The engine itself has failed."""
        self.timeline.note("engine", "logged", message)

    def _sweep(self) -> None:
        """Let nothing of this world survive it. What that brings about did not happen."""
        self._over = True
        happened = len(self.timeline.events)
        self._loop.sweep()
        del self.timeline.events[happened:]


async def _deploy(replicas: Sequence[SimulatedReplica], definitions: Sequence[Definition], random: Random) -> None:
    """One replica after another comes to serve what is new as well."""
    await asyncio.sleep(random.uniform(0, _FAULTY_SECONDS / 2))
    for replica in replicas:
        await replica.deploy(definitions, random)
        await asyncio.sleep(random.uniform(0, _LONGEST_DEPLOY_PAUSE))
