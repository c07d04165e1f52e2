"""The journal that all replicas of a simulated world share, and the lines by which they reach it.

Purpose: durability as it really is. A transaction takes time and what a replica appends meanwhile waits for the next
one; it may fail before it is durable, or after; a replica that crashes loses what it has not sent, and may or may not
lose what is under way; one that stands still goes on with claims that it has lost. Invariant: what is durable is only
ever changed by the journal under test, in one step.

::

    append ──▶ waiting ──▶ under way ──┬──▶ durable ──┬──▶ acknowledged
                  │                    │              └──▶ "unavailable": its acknowledgement was lost
                  ▼                    └──▶ "unavailable": nothing was written
           lost in a crash
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.errors import JournalUnavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord
    from orchestrator.ports.claims import Claim, SilentReplica
    from orchestrator.ports.journal import Append, Journal
    from orchestrator.testing.simulation.fault_rates import FaultRates
    from orchestrator.testing.simulation.invariants import Invariants
    from orchestrator.testing.simulation.timeline import Timeline
    from orchestrator.testing.world.virtual_loop import Process, VirtualLoop

T = TypeVar("T")

_REFUSED = "the simulated journal refuses"
_FORGOT = "the simulated journal's answer is lost"


class SharedJournal:
    """The store.

    Args:
        journal: the journal under test. Its methods must not wait for anything.
        invariants: sees what becomes durable.

    Attributes:
        fault_rates: what can go wrong.
    """

    def __init__(
        self,
        journal: Journal,
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

    def write(self, append: Append) -> Exception | None:
        """Give one append to the journal under test; what it raises."""
        written = self.journal.append(append)
        error = written.exception()
        if error is not None:
            self.timeline.note(append.owner, "refused", append.saga_id, type(error).__name__)
            assert isinstance(error, Exception)
            return error
        self.timeline.note(append.owner, "appended", append.saga_id, *(_name(entry) for entry in append.entries))
        self.invariants.appended(append)
        return None

    def claimed(self, owner: str, claim: Claim) -> Claim:
        """A replica has claimed a saga."""
        self.timeline.note(owner, "claimed", claim.saga_id, claim.token)
        self.invariants.claimed(owner, claim)
        return claim


class JournalLine:
    """The line of one replica to the store; see :class:`~orchestrator.ports.journal.Journal`.

    Args:
        store: the store.
        process: the replica. What is under way goes on without it, what waits does not.
    """

    def __init__(self, store: SharedJournal, process: Process) -> None:
        self._store = store
        self._process = process
        self._waiting: list[tuple[Append, asyncio.Future[None]]] = []
        self._under_way = False

    def append(self, append: Append) -> asyncio.Future[None]:
        """See the port. All that waits when a transaction begins is part of it."""
        written = self._store.loop.create_future()
        self._waiting.append((append, written))
        if not self._under_way:
            self._begin()
        return written

    def _begin(self) -> None:
        store = self._store
        batch, self._waiting = self._waiting, []
        self._under_way = True
        done = store.loop.create_future()
        done.add_done_callback(lambda done: self._end(batch, done.result()))
        store.loop.call_outside(self._delay(), self._commit, batch, done)

    def _commit(self, batch: list[tuple[Append, asyncio.Future[None]]], done: asyncio.Future[Any]) -> None:
        """The transaction reaches the store, with or without the replica behind it."""
        store, fault_rates = self._store, self._store.fault_rates
        drawn = store.random.random()
        results: list[Exception | None]
        if self._process.crashed and drawn < _LOST_WITH_REPLICA:
            store.timeline.note(self._process.name, "lost", *(append.saga_id for append, _ in batch))
            return
        if drawn < fault_rates.journal_refuses:
            store.timeline.note(self._process.name, "unwritten", *(append.saga_id for append, _ in batch))
            results = [JournalUnavailable(_REFUSED) for _ in batch]
        else:
            results = [store.write(append) for append, _ in batch]
            if store.random.random() < fault_rates.journal_forgets:
                store.timeline.note(self._process.name, "unacknowledged", *(append.saga_id for append, _ in batch))
                results = [JournalUnavailable(_FORGOT) for _ in batch]
        store.loop.call_outside(self._delay(), done.set_result, results)

    def _end(self, batch: list[tuple[Append, asyncio.Future[None]]], results: list[Exception | None]) -> None:
        """The replica learns of it."""
        for (_, written), error in zip(batch, results, strict=True):
            if written.cancelled():
                continue
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)
        self._under_way = False
        if self._waiting:
            self._begin()

    async def read(self, saga_id: str) -> list[Entry]:
        """See the port."""
        return await self._ask(lambda: self._store.journal.read(saga_id))

    async def find(self, saga_id: str) -> SagaRecord | None:
        """See the port."""
        return await self._ask(lambda: self._store.journal.find(saga_id))

    async def search(self, where: SagaFilter, limit: int, page_token: str) -> tuple[list[SagaRecord], str]:
        """See the port."""
        return await self._ask(lambda: self._store.journal.search(where, limit, page_token))

    async def heartbeat(self, owner: str, now: int, lease: int) -> None:
        """See the port."""
        await self._ask(lambda: self._store.journal.heartbeat(owner, now, lease))

    async def claim_unfinished(self, owner: str, now: int, limit: int) -> list[Claim]:
        """See the port."""
        return await self._ask(lambda: self._claim(owner, now, limit))

    async def _claim(self, owner: str, now: int, limit: int) -> list[Claim]:
        claims = await self._store.journal.claim_unfinished(owner, now, limit)
        return [self._store.claimed(owner, claim) for claim in claims]

    async def claimed(self, owner: str) -> list[Claim]:
        """See the port."""
        return await self._ask(lambda: self._store.journal.claimed(owner))

    async def claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        """See the port."""
        return await self._ask(lambda: self._claim_resting(owner, saga_id))

    async def _claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        claim = await self._store.journal.claim_resting(owner, saga_id)
        return claim and self._store.claimed(owner, claim)

    async def count(self) -> list[SagaCount]:
        """See the port."""
        return list(await self._ask(self._store.journal.count))

    async def release(self, owner: str) -> None:
        """See the port."""
        await self._ask(lambda: self._store.journal.release(owner))

    async def silent(self, now: int) -> list[SilentReplica]:
        """See the port."""
        return await self._ask(lambda: self._store.journal.silent(now))

    async def forget(self, owners: Sequence[str]) -> None:
        """See the port."""
        await self._ask(lambda: self._store.journal.forget(owners))

    async def close(self) -> None:
        """See the port."""

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Whatever is not an append: there and back, each of which may fail."""
        store = self._store
        await self._pass(store.fault_rates.journal_refuses, _REFUSED)
        answer = await ask()
        await self._pass(store.fault_rates.journal_forgets, _FORGOT)
        return answer

    async def _pass(self, share: float, what: str) -> None:
        store = self._store
        passed = store.loop.create_future()
        store.loop.call_outside(self._delay(), _set, passed)
        await passed
        if share and store.random.random() < share:
            store.timeline.note(self._process.name, "unavailable", what)
            raise JournalUnavailable(what)

    def _delay(self) -> float:
        random = self._store.random
        slow = random.random() < self._store.fault_rates.journal_slow
        return random.uniform(0.2, 1.5) if slow else random.uniform(0.0005, 0.01)


_LOST_WITH_REPLICA = 0.5


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _name(entry: Entry) -> str:
    key = getattr(entry, "key", "")
    reason = getattr(entry, "reason", None)
    detail = key or (reason.code if reason is not None else "")
    return f"{type(entry).__name__}({detail})" if detail else type(entry).__name__
