"""The primary dies and its standby takes over, at another address of the same URL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from orchestrator.store.opening import open_store
from tests.crash.persistent import PATIENCE, Persistent, have_written, once_available
from tests.support.journals import EVERY_ENTRY, Writing
from tests.support.postgres import PostgresServer, running

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITERS: Final = 20


class Pair:
    """A primary and its standby.

    Attributes:
        url: names both, and asks for the one that writes.
    """

    def __init__(self, primary: PostgresServer, standby: PostgresServer) -> None:
        self.primary = primary
        self.standby = standby
        both = f"{primary.address},{standby.address}"
        self.url = f"{primary.url.replace(primary.address, both)}?target_session_attrs=read-write"

    def wait_for_the_standby(self) -> None:
        """From now on the primary acknowledges what its standby has too."""
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute(
                "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            ).fetchone() != (1,):
                pass

    def fail_over(self) -> None:
        """The primary dies, and the standby takes over."""
        self.primary.stop("immediate")
        self.standby.promote()


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running() as primary:
        standby = primary.copied()
        standby.start()
        yield Pair(primary, standby)
        standby.close()
        primary.start()  # what runs is what is closed


async def test_a_failover_to_a_synchronous_standby_loses_nothing_that_was_acknowledged(pair: Pair) -> None:
    await asyncio.to_thread(pair.wait_for_the_standby)
    journal = await open_store(pair.url)
    writers = [Persistent(journal, f"saga-{number}") for number in range(WRITERS)]
    enough = asyncio.Event()
    tasks = [asyncio.ensure_future(writer.write_until(enough)) for writer in writers]
    await have_written(writers, 10)
    await asyncio.to_thread(pair.fail_over)
    await have_written(writers, 10)
    enough.set()
    await asyncio.gather(*tasks)

    assert sum(writer.failures for writer in writers) >= WRITERS, "the load was there when the primary died"
    for writer in writers:
        await writer.check()
    await journal.close()
    found = await open_store(pair.standby.url)
    assert {saga.number for saga in await found.count()} == {WRITERS}
    await found.close()


async def test_a_replica_keeps_its_sagas_over_a_failover(pair: Pair) -> None:
    """Claims and leases are where the entries are; the lease goes on by the clock of the new primary."""
    await asyncio.to_thread(pair.wait_for_the_standby)
    journal = await open_store(pair.url)
    await journal.heartbeat("a", int(PATIENCE) * 1_000_000_000)
    await Writing(journal).start()
    await asyncio.to_thread(pair.fail_over)

    assert await once_available(lambda: journal.claim_unfinished("b", 10)) == []
    assert [claim.saga_id for claim in await once_available(lambda: journal.claimed("a"))] == ["saga-1"]
    await journal.close()


async def test_a_failover_to_an_asynchronous_standby_can_lose_what_was_acknowledged(pair: Pair) -> None:
    """It does, where the standby was behind. Nothing here can prevent that: `orchestrator doctor` warns of it."""
    journal = await open_store(pair.url)
    await Writing(journal, "saga-1").start()
    await asyncio.to_thread(_wait_until_caught_up, pair)
    await asyncio.to_thread(pair.standby.stop)
    await Writing(journal, "saga-2").start()
    await asyncio.to_thread(pair.primary.stop, "immediate")
    await asyncio.to_thread(pair.standby.start)
    await asyncio.to_thread(pair.standby.promote)

    assert await once_available(lambda: journal.read("saga-1")) == [EVERY_ENTRY[0]]
    assert await once_available(lambda: journal.read("saga-2")) == []
    await journal.close()


def _wait_until_caught_up(pair: Pair) -> None:
    with (
        psycopg.connect(pair.primary.url, autocommit=True) as primary,
        psycopg.connect(pair.standby.url, autocommit=True) as standby,
    ):
        (written,) = primary.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone() or ("",)
        while standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (written,)).fetchone() != (True,):
            pass
