"""The simulated store: what is durable, what is acknowledged, and what a crash takes with it."""

from __future__ import annotations

import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.state import Status
from orchestrator.store.memory import MemoryJournal
from orchestrator.testing.simulation import Broken, Promise, Timeline
from orchestrator.testing.simulation.fault_rates import NO_FAULTS, FaultRates
from orchestrator.testing.simulation.invariants import Invariants
from orchestrator.testing.world.journal import JournalLine, SharedJournal
from orchestrator.testing.world.virtual_loop import Process, VirtualLoop
from tests.support.journals import EVERY_ENTRY, Pen

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator


class Place:
    """A store, and one replica's line to it."""

    def __init__(self, loop: VirtualLoop, fault_rates: FaultRates) -> None:
        self.loop = loop
        self.broken: list[Broken] = []
        self.journal = MemoryJournal()
        invariants = Invariants(self.broken.append)
        store = SharedJournal(self.journal, loop, Random(1), fault_rates, Timeline(loop.time), invariants)
        self.process = Process("a")
        self.line = JournalLine(store, self.process)

    def start(self, saga_id: str = "saga-1") -> asyncio.Task[None]:
        """The replica starts a saga."""

        async def begin() -> None:
            await Pen(self.line, saga_id).start()

        return self.process.spawn(self.loop, begin())

    def durable(self, saga_id: str = "saga-1") -> int:
        """How many entries of a saga are."""
        return len(self.loop.run_until_complete(self.journal.read(saga_id)))


@pytest.fixture
def place() -> Iterator[Callable[..., Place]]:
    with contextlib.closing(VirtualLoop(Random(1))) as loop:
        yield lambda fault_rates=NO_FAULTS: Place(loop, fault_rates)
        loop.sweep()


def test_an_append_takes_time_and_is_acknowledged_once_it_is_durable(place: Callable[..., Place]) -> None:
    there = place()
    there.loop.run_until_complete(there.start())

    assert there.loop.time() > 0
    assert there.durable() == 1
    assert there.journal._sagas["saga-1"].entries == [EVERY_ENTRY[0]]


def test_a_transaction_that_is_refused_writes_nothing(place: Callable[..., Place]) -> None:
    there = place(FaultRates(journal_refuses=1.0))
    with pytest.raises(JournalUnavailable):
        there.loop.run_until_complete(there.start())
    assert there.durable() == 0


def test_a_transaction_whose_acknowledgement_is_lost_is_durable(place: Callable[..., Place]) -> None:
    there = place(FaultRates(journal_forgets=1.0))
    with pytest.raises(JournalUnavailable):
        there.loop.run_until_complete(there.start())
    assert there.durable() == 1


def test_what_waits_for_the_next_transaction_is_lost_in_a_crash(place: Callable[..., Place]) -> None:
    there = place()
    first = there.start()
    there.loop.run_until_complete(_turn())
    second = there.start("saga-2")
    there.loop.run_until_complete(_turn())
    there.process.crash()
    there.loop.call_later(10, there.loop.stop)
    there.loop.run_forever()

    assert not first.done()
    assert not second.done()
    assert there.durable("saga-2") == 0


def test_an_entry_written_under_a_lost_claim_is_noticed_even_if_the_journal_takes_it(
    place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = place()
    there.loop.run_until_complete(there.start())
    (claim,) = there.loop.run_until_complete(there.line.claim_unfinished("b", 10**18, 1))
    assert claim.token == 2
    taken = there.loop.create_future()
    taken.set_result(None)
    monkeypatch.setattr(there.journal, "append", lambda _append: taken)
    there.loop.run_until_complete(_end(Pen(there.line, "saga-1", sequence=1)))

    assert [broken.promise for broken in there.broken] == [Promise.ONE_OWNER]


async def _end(pen: Pen) -> None:
    await pen.end(Status.COMPLETED)


async def _turn() -> None:
    """Let what is ready run."""
