"""The journal under test, and what goes wrong on the way to it, as the fault rates of a simulated world say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from orchestrator.engine.starting import saga_id_of
from orchestrator.errors import JournalUnavailable
from orchestrator.testing.world.clock import VirtualClock
from orchestrator.testing.world.journal import JournalConnection, Results, result_of
from orchestrator.testing.world.virtual_loop import call_outside

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from random import Random

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.claims import Claim, Served
    from orchestrator.ports.journal import Append
    from orchestrator.ports.schedules import Schedule
    from orchestrator.ports.wakes import Woken
    from orchestrator.store.memory.journal import MemoryJournal
    from orchestrator.testing.simulation.fault_rates import FaultRates
    from orchestrator.testing.simulation.invariants import Invariants
    from orchestrator.testing.simulation.timeline import Timeline
    from orchestrator.testing.world.virtual_loop import Process, VirtualLoop

_REFUSED: Final = "the simulated journal refuses"
_FORGOT: Final = "the simulated journal's answer is lost"
_LOCKED: Final = "a simulated transaction is about to start this saga"
_BROKE: Final = "the simulated connection to the journal broke"
_LATE_SECONDS: Final = (0.2, 4.0)
"""Seconds after which a transaction stands whose connection broke."""
_HANGING_SECONDS: Final = (15.0, 90.0)
"""Seconds after which a transaction stands that waits for a standby: many leases."""
_LOST_IN_CRASH: Final = 0.5
"""How many of the transactions on their way are lost when their process crashes."""


class SimulatedStore:
    """What all replicas of a simulated world write to.

    Args:
        journal: the journal under test; each replica has a handle of its own on it.
        fault_rates: what can go wrong.
        timeline: is told what happens.
        invariants: sees what becomes durable.

    Attributes:
        fault_rates: as above; they change when the faults end.
        locked: the new sagas of transactions that are yet to stand: nobody else can start them.
    """

    def __init__(
        self,
        journal: MemoryJournal,
        loop: VirtualLoop,
        random: Random,
        fault_rates: FaultRates,
        timeline: Timeline,
        invariants: Invariants,
    ) -> None:
        self.journal = journal
        self.loop = loop
        self.random = random
        self.fault_rates = fault_rates
        self.timeline = timeline
        self.invariants = invariants
        self.locked = Counter[str]()

    @property
    def is_settled(self) -> bool:
        """No transaction is yet to stand that starts a saga."""
        return not self.locked.total()


class SimulatedJournal(JournalConnection):
    """One replica's connection to the store.

    Attributes:
        shared: see the port.
    """

    shared = True

    def __init__(self, store: SimulatedStore, process: Process) -> None:
        super().__init__(store.journal.handle(), process)
        self._store = store
        self._clock = VirtualClock()

    def delay(self) -> float:
        """See the base class."""
        random = self._store.random
        slow = random.random() < self._store.fault_rates.journal_slow
        return random.uniform(0.2, 1.5) if slow else random.uniform(0.0005, 0.01)

    def commit(self, appends: Sequence[Append]) -> Results | None:
        """See the base class. The transaction is written with or without the replica behind it."""
        store, rates = self._store, self._store.fault_rates
        drawn = store.random.random()
        if self.process.crashed and drawn < _LOST_IN_CRASH:
            self._note("lost", *(append.saga_id for append in appends))
            return None
        if drawn < rates.journal_refuses:
            self._note("unwritten", *(append.saga_id for append in appends))
            return [JournalUnavailable(_REFUSED) for _ in appends]
        if store.random.random() < rates.journal_late:
            self._put_off(appends, store.random.uniform(*_LATE_SECONDS))
            return [JournalUnavailable(_BROKE) for _ in appends]
        if any(append.new for append in appends) and store.random.random() < rates.journal_hangs:
            self._put_off(appends, store.random.uniform(*_HANGING_SECONDS))
            return [JournalUnavailable(_BROKE) for _ in appends]
        results = [self._write_unless_locked(append) for append in appends]
        if store.random.random() < rates.journal_forgets:
            self._note("unacknowledged", *(append.saga_id for append in appends))
            return [JournalUnavailable(_FORGOT) for _ in appends]
        return results

    def _put_off(self, appends: Sequence[Append], seconds: float) -> None:
        """The server has not noticed yet that the connection is broken: it writes later, also without the replica."""
        self._note("broke", *(append.saga_id for append in appends))
        new = [each.saga_id for each in appends if each.new and not result_of(self.journal.find(each.saga_id))]
        self._store.locked.update(new)
        call_outside(seconds, self._write_late, appends, new)

    def _write_late(self, appends: Sequence[Append], new: Sequence[str]) -> None:
        self._note("late", *(append.saga_id for append in appends))
        self._store.locked.subtract(new)
        refused = set[str]()  # what a transaction writes of one saga stands as a whole, or not at all
        for append in appends:
            if append.saga_id not in refused and self.write(append) is not None:
                refused.add(append.saga_id)

    def _write_unless_locked(self, append: Append) -> Exception | None:
        if self._store.locked[append.saga_id]:
            self._note("locked", append.saga_id)
            return JournalUnavailable(_LOCKED)
        return self.write(append)

    def write(self, append: Append) -> Exception | None:
        """See the base class."""
        error = super().write(append)
        note = self._store.timeline.note
        if error is not None:
            note(append.owner, "refused", append.saga_id, type(error).__name__)
            return error
        note(append.owner, "appended", append.saga_id, *(_name(entry) for entry in append.entries))
        self._store.invariants.appended(append)
        return None

    def note_claims(self, claims: Sequence[Claim]) -> None:
        """See the base class."""
        for claim in claims:
            self._note("claimed", claim.saga_id, claim.token)
            self._store.invariants.claimed(self.process.name, claim, self._clock.now())

    async def claim_unfinished(self, owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        """See the port. It may come to stand later than its failure is told, as an append may."""
        if self._store.random.random() >= self._store.fault_rates.journal_late:
            return await super().claim_unfinished(owner, limit, served)

        def claim_late() -> None:
            self.note_claims(result_of(self.journal.claim_unfinished(owner, limit, served)))

        call_outside(self._store.random.uniform(*_LATE_SECONDS), claim_late)
        raise JournalUnavailable(_BROKE)

    def note_begun(self, claims: Sequence[Claim]) -> None:
        """See the base class."""
        self.note_claims(claims)
        for claim in claims:
            self._store.invariants.begun(claim)

    async def heartbeat(self, owner: str, lease: int) -> int:
        """See the port."""

        async def beat() -> int:
            now = await self.journal.heartbeat(owner, lease)
            self._store.invariants.leases.beat(owner, self._clock.now() + lease)
            return now

        return await self._ask(beat)

    async def release(self, owner: str) -> None:
        """See the port."""

        async def let_go() -> None:
            await self.journal.release(owner)
            self._note("released")
            self._store.invariants.leases.released(owner, await self.journal.claimed(owner))

        await self._ask(let_go)

    async def woken(self) -> Woken:
        """See the port. Nothing depends on a wake, so it is lost or late more often than anything else."""
        store = self._store
        while True:
            woken = await super().woken()
            if store.random.random() >= store.fault_rates.wakes_lost:
                break
        arrived: asyncio.Future[None] = store.loop.create_future()
        is_late = store.random.random() < store.fault_rates.wakes_late
        call_outside(store.random.uniform(*_LATE_SECONDS) if is_late else self.delay(), _set, arrived)
        await arrived
        return woken

    async def replace_schedule(self, schedule: Schedule) -> bool:
        """See the port."""

        async def change() -> bool:
            changed = await self.journal.replace_schedule(schedule)
            if changed:
                sagas = [saga_id_of(schedule.definition, each.request_id) for each in schedule.firing]
                self._note("scheduled", schedule.name, schedule.revision + 1, *sagas)
                self._store.invariants.check_instants(schedule, self._clock.now())
            return changed

        return await self._ask(change)

    async def travel(self, *, answered: bool) -> None:
        """See the base class."""
        store, rates = self._store, self._store.fault_rates
        share, what = (rates.journal_forgets, _FORGOT) if answered else (rates.journal_refuses, _REFUSED)
        arrived: asyncio.Future[None] = store.loop.create_future()
        call_outside(self.delay(), _set, arrived)
        await arrived
        if share and store.random.random() < share:
            self._note("unavailable", what)
            raise JournalUnavailable(what)

    def _note(self, what: str, *about: object) -> None:
        self._store.timeline.note(self.process.name, what, *about)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _name(entry: Entry) -> str:
    key = getattr(entry, "key", "")
    reason = getattr(entry, "reason", None)
    detail = key or (reason.code if reason is not None else "")
    return f"{type(entry).__name__}({detail})" if detail else type(entry).__name__
