"""Measures the drivers of PostgreSQL: ``python -m tests.bench.micro.drivers``, on a server of its own.

Each writes the same groups, by ``append_group``, directly and through a pgbouncer in transaction mode. So many sagas at
once append one after another; whatever waits when a transaction ends is the next group. Its figures stand in
:mod:`orchestrator.store.postgres.connecting`, and decided which driver that is.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import uuid4

import asyncpg
import psycopg
import uvloop

from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.store.batching.batches import BatchedWrite
from orchestrator.store.opening import open_store
from orchestrator.store.postgres.groups import Place, values_of
from orchestrator.store.postgres.queries import queries
from tests.support.journals import AT, EVERY_ENTRY
from tests.support.pgbouncer import pooled
from tests.support.postgres import running

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IN_FLIGHT: Final = (1, 32, 256)
SECONDS: Final = 3.0
APPENDS: Final = 8
"""Of one saga, until the next begins."""
ENTRIES: Final = EVERY_ENTRY[3:5]
TYPES: Final = (
    *("int4[]", "text[]", "text[]", "int8[]", "int4[]", "int2[]", "int8[]", "text[]", "int4[]", "bytea[]", "int8[]"),
    *("text[]", "int4[]", "text[]", "text[]", "int8[]", "int4[]", "int4[]", "int2[]", "int8[]", "int4[]", "int4[]"),
    *("bytea[]", "int4[]", "bytea[]"),
)
FOR_PSYCOPG: Final = f"SELECT append_group({', '.join(f'%b::{each}' for each in TYPES)})"


class Driver(Protocol):
    """Writes groups over one connection."""

    async def open(self, url: str) -> None: ...

    async def write(self, group: list[Place]) -> int: ...

    async def close(self) -> None: ...


class Asyncpg:
    def __init__(self, *, prepared: bool) -> None:
        self._size = 100 if prepared else 0
        self._connection: Any = None

    async def open(self, url: str) -> None:
        self._connection = await asyncpg.connect(url, statement_cache_size=self._size)

    async def write(self, group: list[Place]) -> int:
        return len(await self._connection.fetchval(queries()["append_group"], *values_of(group)))

    async def close(self) -> None:
        await self._connection.close()


class Psycopg:
    def __init__(self, *, prepared: bool) -> None:
        self._threshold = 0 if prepared else None
        self.connection: Any = None

    async def open(self, url: str) -> None:
        connect = psycopg.AsyncConnection.connect
        self.connection = await connect(url, autocommit=True, prepare_threshold=self._threshold)

    async def write(self, group: list[Place]) -> int:
        return await self.answer(await self.ask(group))

    async def ask(self, group: list[Place]) -> Any:  # noqa: ANN401 - a cursor
        cursor = self.connection.cursor(binary=True)
        await cursor.execute(FOR_PSYCOPG, values_of(group))
        return cursor

    async def answer(self, cursor: Any) -> int:  # noqa: ANN401 - a cursor
        (written,) = await cursor.fetchone()
        return len(written)

    async def close(self) -> None:
        await self.connection.close()


class PsycopgPipeline(Psycopg):
    """One statement for each append, all in one transaction and one round trip."""

    async def write(self, group: list[Place]) -> int:
        async with self.connection.pipeline(), self.connection.transaction():
            cursors = [await self.ask([place]) for place in group]
        return sum([await self.answer(cursor) for cursor in cursors])


DRIVERS: Final[dict[str, Callable[[], Driver]]] = {
    "asyncpg, prepared": lambda: Asyncpg(prepared=True),
    "asyncpg, not prepared": lambda: Asyncpg(prepared=False),
    "psycopg, prepared": lambda: Psycopg(prepared=True),
    "psycopg, not prepared": lambda: Psycopg(prepared=False),
    "psycopg, pipeline": lambda: PsycopgPipeline(prepared=True),
}
THROUGH_POOLER: Final = ("asyncpg, not prepared", "psycopg, not prepared")


@dataclass
class Load:
    """So many sagas that append, and what is measured of them."""

    driver: Driver
    until: float
    waiting: list[tuple[Place, asyncio.Future[None]]] = field(default_factory=list)
    something_waits: asyncio.Event = field(default_factory=asyncio.Event)
    waits: list[float] = field(default_factory=list)

    async def append(self) -> None:
        """One saga after another, until the time is over."""
        saga_id = ""
        for number in itertools.count():
            if time.perf_counter() > self.until:
                return
            sequence = number % APPENDS * len(ENTRIES)
            saga_id = saga_id if sequence else str(uuid4())
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            began = time.perf_counter()
            self.waiting.append((_place(saga_id, sequence, done), done))
            self.something_waits.set()
            await done
            self.waits.append(time.perf_counter() - began)

    async def write(self) -> None:
        """One group after another, for ever."""
        while True:
            await self.something_waits.wait()
            await asyncio.sleep(0)  # all that was just woken
            group, self.waiting = self.waiting, []
            self.something_waits.clear()
            assert await self.driver.write([place for place, _ in group]) == len(group)
            for _, done in group:
                done.set_result(None)


def _place(saga_id: str, sequence: int, done: asyncio.Future[None]) -> Place:
    new = None if sequence else NewSaga("place_order", 1, b"digest", AT, ())
    append = Append(saga_id, "replica-1", 1, sequence, ENTRIES, Status.RUNNING, new=new)
    return Place([BatchedWrite(append, done)])


async def measure(make: Callable[[], Driver], url: str, in_flight: int, connections: int) -> str:
    """Appends per second, the median wait, and the CPU of this process for one append."""
    drivers = [make() for _ in range(connections)]
    for driver in drivers:
        await driver.open(url)
    loads = [Load(driver, time.perf_counter() + SECONDS) for driver in drivers]
    writing = [asyncio.ensure_future(load.write()) for load in loads]
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(loads[number % connections].append() for number in range(in_flight)))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    for task in writing:
        task.cancel()
    for driver in drivers:
        await driver.close()
    waits = [wait for load in loads for wait in load.waits]
    number = len(waits)
    return f"{number / seconds:7.0f}/s {statistics.median(waits) * 1e3:6.2f} ms {cpu / number * 1e6:4.0f} us"


async def report(url: str, names: Sequence[str], where: str, connections: int = 1) -> None:
    await (await open_store(url)).close()
    for name in names:
        figures = [await measure(DRIVERS[name], url, in_flight, connections) for in_flight in IN_FLIGHT]
        sys.stdout.write(f"{name + where:40}" + "  |".join(figures) + "\n")
        sys.stdout.flush()


def main() -> None:
    sys.stdout.write(f"{'in flight':40}" + "".join(f"{number:^30}" for number in IN_FLIGHT) + "\n")
    with running() as server:
        uvloop.run(report(server.url, tuple(DRIVERS), ""))
        uvloop.run(report(server.url, ("asyncpg, prepared",), " on 2 connections", 2))
        with pooled(server.url, 2) as through:
            uvloop.run(report(through, THROUGH_POOLER, " through pgbouncer"))


if __name__ == "__main__":
    main()
