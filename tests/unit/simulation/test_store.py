"""The simulated store: what is durable, what is acknowledged, and what a crash takes with it."""

from __future__ import annotations

import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.state import Status
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.simulation import Broken, Promise, Timeline
from orchestrator.testing.simulation.fault_rates import NO_FAULTS, FaultRates
from orchestrator.testing.simulation.invariants import Invariants
from orchestrator.testing.simulation.store import SimulatedJournal, SimulatedStore
from orchestrator.testing.world.virtual_loop import Process, VirtualLoop
from tests.support.journals import EVERY_ENTRY, Writing

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator


class StoreInLoop:
    """A store, and one replica's connection to it."""

    def __init__(self, loop: VirtualLoop, fault_rates: FaultRates) -> None:
        self.loop = loop
        self.broken: list[Broken] = []
        self.journal = MemoryJournal()
        invariants = Invariants(self.broken.append)
        simulated = SimulatedStore(self.journal, loop, Random(1), fault_rates, Timeline(loop.time), invariants)
        self.process = Process("a")
        self.connection = SimulatedJournal(simulated, self.process)

    def start(self, saga_id: str = "saga-1") -> asyncio.Task[None]:
        """The replica starts a saga."""

        async def begin() -> None:
            await Writing(self.connection, saga_id).start()

        async def spawn() -> asyncio.Task[None]:
            return self.process.spawn(begin())

        return self.loop.run_until_complete(spawn())

    def durable(self, saga_id: str = "saga-1") -> int:
        """How many entries of a saga are."""
        return len(self.loop.run_until_complete(self.journal.read(saga_id)))


@pytest.fixture
def store_with() -> Iterator[Callable[..., StoreInLoop]]:
    with contextlib.closing(VirtualLoop(Random(1))) as loop:
        yield lambda fault_rates=NO_FAULTS: StoreInLoop(loop, fault_rates)
        loop.sweep()


def test_an_append_takes_time_and_is_acknowledged_once_it_is_durable(store_with: Callable[..., StoreInLoop]) -> None:
    store = store_with()
    store.loop.run_until_complete(store.start())

    assert store.loop.time() > 0
    assert store.durable() == 1
    assert store.journal._sagas["saga-1"].entries == [EVERY_ENTRY[0]]


def test_a_transaction_that_is_refused_writes_nothing(store_with: Callable[..., StoreInLoop]) -> None:
    store = store_with(FaultRates(journal_refuses=1.0))
    with pytest.raises(JournalUnavailable):
        store.loop.run_until_complete(store.start())
    assert store.durable() == 0


def test_a_transaction_whose_acknowledgement_is_lost_is_durable(store_with: Callable[..., StoreInLoop]) -> None:
    store = store_with(FaultRates(journal_forgets=1.0))
    with pytest.raises(JournalUnavailable):
        store.loop.run_until_complete(store.start())
    assert store.durable() == 1


def test_a_transaction_whose_connection_broke_is_durable_later(store_with: Callable[..., StoreInLoop]) -> None:
    store = store_with(FaultRates(journal_late=1.0))
    with pytest.raises(JournalUnavailable, match="broke"):
        store.loop.run_until_complete(store.start())
    assert store.durable() == 0

    store.loop.call_later(10, store.loop.stop)
    store.loop.run_forever()
    assert store.durable() == 1


def test_a_claim_of_what_a_live_replica_has_is_noticed(
    store_with: Callable[..., StoreInLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_with()
    store.loop.run_until_complete(store.connection.heartbeat("a", 1_000_000_000))
    store.loop.run_until_complete(store.start())
    monkeypatch.setattr(store.connection.journal, "_is_alive", lambda _owner, _now: False)
    store.loop.run_until_complete(store.connection.claim_unfinished("b", 1))

    assert [str(broken) for broken in store.broken] == [
        "7. One owner: a claimed saga-1, whose owner a is alive",
    ]


def test_what_waits_for_the_next_transaction_is_lost_in_a_crash(store_with: Callable[..., StoreInLoop]) -> None:
    store = store_with()
    first = store.start()
    store.loop.run_until_complete(_turn())
    second = store.start("saga-2")
    store.loop.run_until_complete(_turn())
    store.process.crash()
    store.loop.call_later(10, store.loop.stop)
    store.loop.run_forever()

    assert not first.done()
    assert not second.done()
    assert store.durable("saga-2") == 0


def test_an_entry_written_under_a_lost_claim_is_noticed_even_if_the_journal_takes_it(
    store_with: Callable[..., StoreInLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_with()
    store.loop.run_until_complete(store.start())
    (claim,) = store.loop.run_until_complete(store.connection.claim_unfinished("b", 1))
    assert claim.token == 2
    taken = store.loop.create_future()
    taken.set_result(None)
    monkeypatch.setattr(store.connection.journal, "append", lambda _append: taken)
    store.loop.run_until_complete(_end(Writing(store.connection, "saga-1", sequence=1)))

    assert [broken.promise for broken in store.broken] == [Promise.ONE_OWNER]


async def _end(writer: Writing) -> None:
    await writer.end(Status.COMPLETED)


async def _turn() -> None:
    """Let what is ready run."""
