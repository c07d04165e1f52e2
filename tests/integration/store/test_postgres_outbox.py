"""Transactions of two replicas overtake one another: a reader that reads on after the last position misses no event."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.store.batching.batches import BatchedWrite
from orchestrator.store.opening import open_store
from orchestrator.store.postgres.connecting import Connection
from orchestrator.store.postgres.groups import Place, events_of, values_of
from orchestrator.store.postgres.queries import queries
from tests.support.journals import AT, EVERY_ENTRY, Writing, recovered, told

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal


async def read_on(journal: Journal, seen: list[tuple[str, bytes]], after: int) -> int:
    """Read every event after a position, and note it; the last position."""
    for position, event in await journal.events(after, 1_000):
        assert position == after + 1, "there is a gap"
        seen.append((event.saga_id, event.payload))
        after = position
    return after


async def test_an_event_whose_transaction_commits_late_is_read_after_those_that_overtook_it(postgres_url: str) -> None:
    one, other = await open_store(postgres_url), await open_store(postgres_url)
    new = NewSaga("place_order", 1, b"", AT, ())
    held = Append("held", "one", 1, 0, EVERY_ENTRY[:1], Status.RUNNING, None, new, outbox=[told(1, "held")])
    places = [Place([BatchedWrite(held, asyncio.get_running_loop().create_future())])]
    connection = await Connection.open(postgres_url)
    seen: list[tuple[str, bytes]] = []
    async with connection.transaction():
        # What a replica's append does, whose commit takes long.
        await connection.fetch(queries()["append_telling_group"], *values_of(places), *events_of(places))
        await Writing(other, "quick").start(outbox=[told(2, "quick"), told(3, "quick")])
        after = await read_on(one, seen, 0)
        assert [saga_id for saga_id, _ in seen] == ["quick", "quick"], "the open transaction holds nobody up"

    after = await read_on(one, seen, after)

    assert [saga_id for saga_id, _ in seen] == ["quick", "quick", "held"]
    assert await read_on(other, [], 0) == after
    for each in (connection, one, other):
        await each.close()


async def test_an_open_transaction_of_somebody_else_holds_up_no_event(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    with psycopg.connect(postgres_url) as somebody:
        somebody.execute("CREATE TABLE of_somebody_else (number integer)")
        await Writing(journal).start(outbox=[told(1)])

        assert len(await journal.events(0, 9)) == 1
    await journal.close()


async def test_readers_beside_writers_of_two_replicas_miss_nothing_and_keep_the_order_of_each_saga(
    postgres_url: str,
) -> None:
    replicas = [await open_store(postgres_url) for _ in range(2)]
    readers = [await open_store(postgres_url) for _ in range(2)]
    written = asyncio.Event()

    async def write(replica: Journal, name: str) -> None:
        writing = Writing(replica, name)
        await writing.start(outbox=[told(0, name)])
        for number in range(1, 25):
            await writing.write(recovered(number), outbox=[told(number, name)])

    async def read(reader: Journal) -> list[tuple[str, bytes]]:
        seen: list[tuple[str, bytes]] = []
        after = 0
        while not written.is_set():
            after = await read_on(reader, seen, after)
        await read_on(reader, seen, after)
        return seen

    reading = [asyncio.ensure_future(read(reader)) for reader in readers]
    names = [f"saga-{number}" for number in range(16)]
    await asyncio.gather(*(write(replicas[number % 2], name) for number, name in enumerate(names)))
    written.set()

    first, second = await asyncio.gather(*reading)
    assert first == second, "every reader sees one order"
    assert len(first) == 16 * 25
    for name in names:
        assert [payload for saga_id, payload in first if saga_id == name] == [told(n, name).payload for n in range(25)]
    for each in (*replicas, *readers):
        await each.close()
