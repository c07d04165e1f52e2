"""The database goes away under load, in good order or not: what was acknowledged is there, and nothing in part."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal

import pytest

from orchestrator.errors import ClaimLost, JournalUnavailable, SagaExists
from orchestrator.ports.claims import Claim
from orchestrator.store.opening import open_store
from tests.crash.customers import Customers
from tests.crash.orders import draw
from tests.crash.persistent import PATIENCE, Persistent, have_written, once_available
from tests.support.journals import EVERY_ENTRY, Writing, recovered
from tests.support.postgres import PostgresServer, running

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from orchestrator.ports.journal import Journal
    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop

WRITERS: Final = 40


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


@pytest.fixture
async def journal(server: PostgresServer) -> AsyncIterator[Journal]:
    journal = await open_store(server.url)
    yield journal
    await journal.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_database_that_is_restarted_under_load_loses_nothing_that_was_acknowledged(
    server: PostgresServer, journal: Journal, mode: Literal["fast", "immediate"]
) -> None:
    writers = [Persistent(journal, f"saga-{number}") for number in range(WRITERS)]
    enough = asyncio.Event()
    tasks = [asyncio.ensure_future(writer.write_until(enough)) for writer in writers]
    for _ in range(2):
        await have_written(writers, 10)
        await asyncio.to_thread(server.stop, mode)
        await asyncio.to_thread(server.start)
    await have_written(writers, 10)
    enough.set()
    await asyncio.gather(*tasks)

    assert sum(writer.failures for writer in writers) >= WRITERS, "the load was there when the database went away"
    for writer in writers:
        await writer.check()


async def test_a_start_whose_acknowledgement_was_lost_stands_once(server: PostgresServer, journal: Journal) -> None:
    await Writing(journal, "before").start()
    await asyncio.to_thread(server.stop, "immediate")
    with pytest.raises(JournalUnavailable):
        await Writing(journal, "during").start()
    await asyncio.to_thread(server.start)
    await once_available(lambda: Writing(journal, "during").start())
    with pytest.raises(SagaExists):
        await Writing(journal, "during").start()

    assert await journal.read("during") == [EVERY_ENTRY[0]]


async def test_while_the_database_is_away_every_question_is_answered_soon_and_none_hangs(
    server: PostgresServer, journal: Journal
) -> None:
    await Writing(journal).start()
    await asyncio.to_thread(server.stop, "immediate")
    questions = [
        Writing(journal, sequence=1).write(recovered(1)),
        journal.read("saga-1"),
        journal.count(),
        journal.heartbeat("a", 1),
        journal.claim_unfinished("a", 10),
        journal.claim_resting("a", "saga-1"),
        journal.release("a"),
        journal.silent(),
    ]
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*questions, return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalUnavailable] * len(questions)

    await asyncio.to_thread(server.start)
    assert await once_available(lambda: journal.read("saga-1")) == [EVERY_ENTRY[0]]


async def test_a_replica_past_its_lease_appends_nothing_once_another_has_claimed(
    server: PostgresServer, journal: Journal
) -> None:
    """The lease is that of the database's clock, and real."""
    await journal.heartbeat("a", 300_000_000)
    paused = Writing(journal)
    await paused.start()
    other = await open_store(server.url)
    assert await other.claim_unfinished("b", 10) == []
    claims: list[Claim] = []
    async with asyncio.timeout(PATIENCE):
        while not claims:
            claims = await other.claim_unfinished("b", 10)

    assert claims == [Claim("saga-1", 2)]
    await Writing(other, owner="b", token=2, sequence=1).write(recovered(1))
    with pytest.raises(ClaimLost):
        await paused.write(recovered(1))
    await journal.heartbeat("a", 300_000_000)
    with pytest.raises(ClaimLost):
        await Writing(journal, sequence=2).write(recovered(2))
    assert await other.read("saga-1") == [EVERY_ENTRY[0], recovered(1)]
    await other.close()


async def test_every_order_ends_and_the_books_balance_though_the_database_is_restarted_twice(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, server: PostgresServer
) -> None:
    orchestrator = shop.orchestrator(tmp_path, journal=server.url)
    await orchestrator.restart()
    modes: tuple[Literal["fast", "immediate"], ...] = ("fast", "immediate")
    async with Customers(orchestrator.address, in_flight=100) as customers:
        everything = [asyncio.ensure_future(customers.order_all(draw(chance, 12, run=run)))]
        for mode in modes:
            await customers.have_placed(customers.acknowledged + 3)
            await asyncio.to_thread(server.stop, mode)
            refusals = len(customers.refusals)
            everything.append(asyncio.ensure_future(customers.order_all(draw(chance, 12, run=run))))
            await customers.have_been_refused(refusals + 3)
            await asyncio.to_thread(server.start)
        await asyncio.gather(*everything)
        assert {refusal.partition(":")[0] for refusal in customers.refusals} == {"UNAVAILABLE"}
        assert await invariants.broken(customers) == []
    orchestrator.end()
