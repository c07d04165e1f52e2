"""A replica's connection to the journal: what is durable, what is acknowledged, and what a test can switch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.world.journal import JournalConnection
from orchestrator.testing.world.switched_journal import SwitchedJournal
from orchestrator.testing.world.virtual_loop import Process
from tests.support.journals import EVERY_ENTRY, Writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.journal import Append


class CountingConnection(JournalConnection):
    """Counts the appends of each transaction."""

    def __init__(self, journal: MemoryJournal, process: Process) -> None:
        super().__init__(journal, process)
        self.transactions: list[int] = []

    def commit(self, appends: Sequence[Append]) -> list[Exception | None] | None:
        self.transactions.append(len(appends))
        return super().commit(appends)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def switched(journal: MemoryJournal) -> SwitchedJournal:
    return SwitchedJournal(journal, Process("a"))


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_appended_during_a_transaction_waits_for_the_next_one(journal: MemoryJournal) -> None:
    connection = CountingConnection(journal, Process("a"))
    await asyncio.gather(*(Writing(connection, f"saga-{number}").start() for number in range(5)))

    assert connection.transactions == [1, 4]


async def test_a_crashed_process_writes_nothing_and_learns_nothing(journal: MemoryJournal) -> None:
    process = Process("a")
    connection = JournalConnection(journal, process)
    started = asyncio.ensure_future(Writing(connection).start())
    reading = asyncio.ensure_future(connection.read("saga-1"))
    process.crash()
    await turns()

    assert await journal.find("saga-1") is None
    assert not started.done()
    assert not reading.done()
    started.cancel()
    reading.cancel()


async def test_a_journal_that_is_down_refuses_questions_and_appends(switched: SwitchedJournal) -> None:
    switched.switch("down")

    with pytest.raises(JournalUnavailable):
        await Writing(switched).start()
    with pytest.raises(JournalUnavailable):
        await switched.read("saga-1")


@pytest.mark.parametrize("then", ["up", "down"])
async def test_an_append_that_is_held_goes_on_when_the_journal_is_switched(
    switched: SwitchedJournal, journal: MemoryJournal, then: str
) -> None:
    switched.journal_is = "held"
    started = asyncio.ensure_future(Writing(switched).start())
    await turns()
    assert await journal.read("saga-1") == []

    switched.switch(then)  # type: ignore[arg-type]
    if then == "up":
        await started
    else:
        with pytest.raises(JournalUnavailable):
            await started
    assert len(await journal.read("saga-1")) == (then == "up")


@pytest.mark.parametrize(("cut_after", "loses_acknowledgement"), [(2, False), (3, True)])
async def test_a_process_crashes_when_the_journal_has_the_given_length(
    switched: SwitchedJournal, journal: MemoryJournal, cut_after: int, *, loses_acknowledgement: bool
) -> None:
    writer = Writing(switched)
    await writer.start()
    switched.cut_after, switched.loses_acknowledgement = cut_after, loses_acknowledgement
    writing = asyncio.ensure_future(writer.write(*EVERY_ENTRY[1:3]))
    await turns()

    assert switched.process.crashed
    assert not writing.done()
    assert await journal.read("saga-1") == list(EVERY_ENTRY[:cut_after])
    writing.cancel()
