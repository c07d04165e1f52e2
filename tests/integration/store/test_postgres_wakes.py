"""Wakes over a real PostgreSQL: beside the transactions, few, and heard again after every trouble."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from orchestrator.errors import SettingsError
from orchestrator.ports.wakes import Wake
from orchestrator.store.opening import open_store
from orchestrator.store.postgres.telling import CHANNEL, heard, told
from tests.crash.persistent import once_available
from tests.support.journals import EVERY_ENTRY, Writing, recovered
from tests.support.pgbouncer import pooled
from tests.support.postgres import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.ports.journal import Journal

ALL: dict[Wake, tuple[str, ...]] = dict.fromkeys(Wake, ())
pytestmark = pytest.mark.usefixtures("patience")


@pytest.fixture
async def patience() -> AsyncIterator[None]:
    """A test that waits for ever fails instead."""
    async with asyncio.timeout(60.0):
        yield


async def hears_of(journal: Journal, saga_id: str) -> None:
    while saga_id not in (await journal.woken()).get(Wake.SAGA, ()):
        pass


async def test_many_transactions_are_told_in_few_statements_of_another_session(postgres_url: str) -> None:
    journal = await open_store(postgres_url)
    writers = [Writing(journal, f"saga-{number}") for number in range(20)]
    with psycopg.connect(postgres_url, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        began = time.monotonic()
        await asyncio.gather(*(writer.start() for writer in writers))
        for number in range(100):
            await asyncio.gather(*(writer.write(recovered(number)) for writer in writers))
        took = time.monotonic() - began
        ((writing,),) = await (await journal._link.connection()).fetch("SELECT pg_backend_pid()")  # type: ignore[attr-defined]
        await journal.close()
        texts = list(listener.notifies(timeout=0.5))

    assert 1 <= len(texts) <= took * 30 + 2, "three in 100 ms at most"
    assert writing not in {each.pid for each in texts}
    assert heard("", texts[-1].payload).keys() == {Wake.SAGA}


async def test_a_connection_that_is_lost_is_made_again_and_then_everything_counts_as_told(postgres_url: str) -> None:
    one, other = await open_store(postgres_url), await open_store(postgres_url)
    assert await other.woken() == ALL
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND query ILIKE '%LISTEN%' AND pid <> pg_backend_pid()"
        ).fetchall()
    assert ended == [(True,)]

    assert await other.woken() == ALL
    await Writing(one).start()
    await hears_of(other, "saga-1")
    await one.close()
    await other.close()


async def test_a_server_that_is_restarted_is_listened_to_again() -> None:
    with running() as server:
        one, other = await open_store(server.url), await open_store(server.url)
        assert await other.woken() == ALL
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.to_thread(server.start)
        assert await other.woken() == ALL
        await once_available(lambda: Writing(one).start())
        await hears_of(other, "saga-1")
        await one.close()
        await other.close()


async def test_behind_a_pooler_nothing_is_heard_unless_a_url_leads_past_it(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pooled(postgres_url, 2) as url:
        deaf, listening = await open_store(url), await open_store(url, listen=postgres_url)
        waiting = asyncio.ensure_future(deaf.woken())
        assert await listening.woken() == ALL
        await Writing(deaf).start()  # it tells all the same
        await hears_of(listening, "saga-1")
        await Writing(listening, "saga-2").start()
        await deaf._listening._task  # type: ignore[attr-defined]  # it has given up

        assert "set ORCHESTRATOR_JOURNAL_LISTEN to a URL" in caplog.text
        assert not waiting.done()
        assert await deaf.read("saga-2") == [EVERY_ENTRY[0]]
        waiting.cancel()
        await deaf.close()
        await listening.close()


async def test_a_database_that_cannot_be_listened_to_keeps_nothing_waiting(postgres_url: str) -> None:
    nobody = "postgresql://nobody@127.0.0.1:1/nothing"
    journal = await open_store(postgres_url, listen=nobody)
    waiting = asyncio.ensure_future(journal.woken())
    await Writing(journal).start()
    await journal.release("a")

    assert not waiting.done()
    waiting.cancel()
    await journal.close()


@pytest.mark.parametrize(
    ("journal", "listen"), [("memory:", "memory:"), ("sqlite:a.db", "postgresql://h/d"), ("postgresql://h/d", "x")]
)
async def test_another_way_to_a_store_that_processes_do_not_share_is_refused(journal: str, listen: str) -> None:
    with pytest.raises(SettingsError, match=r"ORCHESTRATOR_JOURNAL_LISTEN|no store is named 'x'"):
        await open_store(journal, listen=listen)


def test_what_would_be_too_long_to_be_told_is_about_any_saga() -> None:
    ids = [f"{number:0>300}" for number in range(100)]

    assert heard("b", told("a", {Wake.SAGA: ids[:10], Wake.CLAIMABLE: ()})) == {
        Wake.SAGA: tuple(ids[:10]),
        Wake.CLAIMABLE: (),
    }
    assert heard("b", told("a", {Wake.SAGA: ids, Wake.CLAIMABLE: ()})) == {Wake.SAGA: (), Wake.CLAIMABLE: ()}


@pytest.mark.parametrize("text", ["", "ç", "[]", "1", '{"saga": 1, "from": "b"}', '{"from": "b", "weather": []}'])
def test_a_text_that_nobody_understands_wakes_nobody(text: str) -> None:
    assert heard("a", text) == {}
