"""The file of the journal is locked, has no room, or has lost its end."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import struct
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.ports.catalogue import SagaFilter
from orchestrator.store.sqlite.journal import SqliteJournal
from tests.crash.customers import Customers
from tests.crash.disk import small_disk
from tests.crash.orders import draw

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.shop import Shop

TORN_BYTES: Final = 10_000
"""Two pages and a half: the last commits are gone, and one of them in the middle."""


async def test_orders_are_refused_and_none_is_lost_while_another_connection_locks_the_journal(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    orchestrator = shop.orchestrator(tmp_path)
    await orchestrator.restart()
    before, during = draw(chance, 12, run=run), draw(chance, 4, run=run)
    async with Customers(orchestrator.address) as customers:
        everything = [asyncio.ensure_future(customers.order_all(before))]
        await customers.have_placed(3)
        with closing(sqlite3.connect(tmp_path / "orchestrator.db", isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            everything.append(asyncio.ensure_future(customers.order_all(during)))
            await customers.have_been_refused()
            another.execute("ROLLBACK")
        await asyncio.gather(*everything)
        assert "UNAVAILABLE" in customers.refusals[0]
        assert "database is locked" in customers.refusals[0]
        assert await invariants.broken(customers) == []


async def test_orders_are_refused_and_none_is_lost_while_the_disk_is_full(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        orchestrator = shop.orchestrator(disk.folder)
        await orchestrator.restart()
        before, during = draw(chance, 12, run=run), draw(chance, 4, run=run)
        async with Customers(orchestrator.address) as customers:
            everything = [asyncio.ensure_future(customers.order_all(before))]
            await customers.have_placed(3)
            disk.fill(orchestrator)
            everything.append(asyncio.ensure_future(customers.order_all(during)))
            await customers.have_been_refused()
            disk.free(orchestrator)
            await asyncio.gather(*everything)
            assert "UNAVAILABLE" in customers.refusals[0]
            assert "free space" in customers.refusals[0]
            assert await invariants.broken(customers) == []
        orchestrator.end()


def cut_off(wal: Path, _chance: random.Random) -> None:
    with wal.open("r+b") as file:
        file.truncate(end_of_frames(wal) - TORN_BYTES)


def garble(wal: Path, chance: random.Random) -> None:
    with wal.open("r+b") as file:
        file.seek(end_of_frames(wal) - TORN_BYTES)
        file.write(chance.randbytes(TORN_BYTES))


def end_of_frames(wal: Path) -> int:
    """Where the log ends that a recovery reads: the file is longer from the start; see SQLite's file format, 4.2."""
    log = wal.read_bytes()
    words = "<2I" if log[3] & 1 == 0 else ">2I"  # the magic number says in which order checksums are made
    (page_size,) = struct.unpack_from(">I", log, 8)
    sums = checksum(log[:24], words, (0, 0))
    end = 32
    while end + 24 + page_size <= len(log):
        frame = log[end : end + 24 + page_size]
        sums = checksum(frame[:8] + frame[24:], words, sums)
        if sums != struct.unpack_from(">2I", frame, 16):
            break
        end += len(frame)
    return end


def checksum(data: bytes, words: str, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    for one, other in struct.iter_unpack(words, data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second


@pytest.mark.parametrize("tear", [cut_off, garble])
async def test_a_journal_that_has_lost_its_last_pages_is_recovered_to_its_last_whole_commit(
    shop: Shop,
    invariants: Invariants,
    chance: random.Random,
    run: str,
    tmp_path: Path,
    tear: Callable[[Path, random.Random], None],
) -> None:
    orchestrator = shop.orchestrator(tmp_path)
    # What a collector has seen and the journal has lost happens once more: its traces prove nothing here.
    await orchestrator.restart(OTEL_SDK_DISABLED="true")
    # A customer who is told that an order does not exist places the order once more, with the same request id.
    async with Customers(orchestrator.address, forgiving=True) as customers:
        everything = asyncio.ensure_future(customers.order_all(draw(chance, 12, run=run)))
        await customers.have_seen_the_end_of(4)
        orchestrator.kill()
        whole = await count_entries(tmp_path)
        tear(tmp_path / "orchestrator.db-wal", chance)
        assert await count_entries(tmp_path) < whole
        await orchestrator.restart(OTEL_SDK_DISABLED="true")
        await everything
        assert await invariants.broken(customers, traced=False) == []


async def count_entries(folder: Path) -> int:
    """How many entries a journal holds that no process has open; the journal is left as it is."""
    copy = folder / "copy"
    copy.mkdir()
    for name in ("orchestrator.db", "orchestrator.db-wal"):
        shutil.copy(folder / name, copy / name)
    journal = await SqliteJournal.open(copy / "orchestrator.db")
    records, _ = await journal.search(SagaFilter(), 1000, "")
    number = sum([len(await journal.read(record.saga_id)) for record in records])
    await journal.close()
    shutil.rmtree(copy)
    return number
