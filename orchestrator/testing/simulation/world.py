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
import gc
import logging
import warnings
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.journal.state import ENDED, UNFINISHED, Status
from orchestrator.journal.waiting import open_waits
from orchestrator.testing.simulation.drawn_limits import draw_limits
from orchestrator.testing.simulation.fault_rates import NO_FAULTS, FaultRates
from orchestrator.testing.simulation.final_check import FinalCheck
from orchestrator.testing.simulation.invariants import Invariants
from orchestrator.testing.simulation.network import Network
from orchestrator.testing.simulation.promises import Broken, Promise
from orchestrator.testing.simulation.replicas import SimulatedReplica
from orchestrator.testing.simulation.scheduled import ScheduleClients
from orchestrator.testing.simulation.sink import SimulatedSink
from orchestrator.testing.simulation.store import SimulatedStore
from orchestrator.testing.simulation.timeline import Timeline
from orchestrator.testing.world.clock import EPOCH, VirtualClock
from orchestrator.testing.world.virtual_loop import StandsStill, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.store.memory import MemoryJournal
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
_ENGINE: Final = "orchestrator.engine"
_YOUNGEST: Final = 0


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
    with _without_garbage_collection(), contextlib.closing(VirtualLoop(Random(f"{seed}/schedule"))) as loop:  # noqa: S311 - no secret
        world = _World(seed, loop, journal(VirtualClock().now), sagas)
        with _log_captured(world):
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
        until = self._loop.time() + _LONGEST_RECOVERY_SECONDS
        while self._loop.time() < max(until, self._latest_timer() + _LONGEST_RECOVERY_SECONDS):
            await asyncio.sleep(1.0)
            to_come = await clients.unsettled_schedules(self._journal)
            is_settled = store.is_settled and not self._unsettled() and not to_come
            if is_settled and all(start.done() for start in starts):
                return
            for saga_id in self._awaiting_signals():
                await clients.signal(saga_id)
        for saga_id in [*self._unsettled(), *await clients.unsettled_schedules(self._journal)]:
            self._invariants.report(Promise.NOTHING_IS_LOST, f"{saga_id} does not come to an end")

    async def _until_all_told(self) -> None:
        """Whatever has happened must be told."""
        for _ in range(int(_LONGEST_RECOVERY_SECONDS)):
            if not self._invariants.events.untold():
                break
            await asyncio.sleep(1.0)
        sagas = self._invariants.sagas.items()
        self._invariants.events.check_end({saga_id: observed.state for saga_id, observed in sagas})

    def _unsettled(self) -> list[str]:
        """The sagas that go on: neither ended, nor suspended, nor waiting for a child that is, or for its room."""
        resting = set(self._in({*ENDED, Status.SUSPENDED}))
        suspended = self._in({Status.SUSPENDED})
        if suspended:  # its parent has room, for which those wait that are queued, or parked and due
            resting.update(self._in({Status.WAITING}))
        for saga_id in suspended:
            while saga_id := self._invariants.sagas[saga_id].state.parent_id:
                resting.add(saga_id)
        return [saga_id for saga_id in self._invariants.sagas if saga_id not in resting]

    def _latest_timer(self) -> float:
        """When the last timer of all is due, in seconds of the world."""
        states = [known.state for known in self._invariants.sagas.values() if known.state.status in UNFINISHED]
        times = [wait.due_at for state in states for wait in open_waits(state)]
        return (max(times, default=0) - EPOCH) / 1e9

    def _awaiting_signals(self) -> list[str]:
        """The sagas that go on when somebody tells them something."""
        going = [(saga_id, known.state) for saga_id, known in self._invariants.sagas.items()]
        return [
            saga_id
            for saga_id, state in going
            if state.status in UNFINISHED and not state.rollback and any(wait.signal for wait in open_waits(state))
        ]

    def _in(self, statuses: set[Status]) -> list[str]:
        return [saga_id for saga_id, known in self._invariants.sagas.items() if known.state.status in statuses]

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


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Within, no garbage is collected: when that happens, no seed can decide. It is collected at the end."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            # A world ends in the middle of things.
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            yield
            gc.collect(_YOUNGEST)
    finally:
        if was_enabled:
            gc.enable()


class _LogCapture(logging.Handler):
    """Puts what the engine calls critical into the timeline."""

    def __init__(self, world: _World) -> None:
        super().__init__(logging.CRITICAL)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        """See the base class."""
        error = record.exc_info[1] if record.exc_info else None
        self._world.note_log(f"{record.getMessage()}: {error!r}")


@contextlib.contextmanager
def _log_captured(world: _World) -> Iterator[None]:
    """Within, the engine's log goes to the timeline and nowhere else."""
    log = logging.getLogger(_ENGINE)
    before = log.level, log.propagate
    listener = _LogCapture(world)
    log.setLevel(logging.CRITICAL)
    log.propagate = False
    log.addHandler(listener)
    try:
        yield
    finally:
        log.removeHandler(listener)
        log.level, log.propagate = before
