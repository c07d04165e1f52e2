"""The whole shop through the API: orders over gRPC to their end, by ten real services with their databases."""

from __future__ import annotations

import contextlib
import os
import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from uuid import uuid4

import grpc.aio
import psycopg
from google.protobuf.duration_pb2 import Duration

from orchestrator.channels.grpc.bearer import with_token
from saga.v1 import saga_pb2
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.bench.processes import BenchFailed
from tests.bench.results import Load, Share
from tests.bench.rounds import closed_loop, interleaved
from tests.bench.session import say
from tests.crash.orders import draw
from tests.crash.shop import Shop
from tests.support.repository import ROOT
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.bench.processes import Watched
    from tests.bench.rounds import Measured
    from tests.bench.session import Session
    from tests.crash.processes import Process

NAME: Final = "shop"
_FLUSHES: Final = Path(__file__).parent / "flushes"
_WAIT_SECONDS: Final = 60
_NUMBER: Final = struct.Struct("=Q")
_WAL_IN_PG_STAT_IO: Final = 180_000
"""The version of the server."""


class Orders:
    """A :class:`~tests.bench.rounds.Contender`: places orders that go through, and waits for the end of each.

    Args:
        name: as results call it.
        channel: to the orchestrator.
    """

    def __init__(self, name: str, channel: grpc.aio.Channel) -> None:
        self.name = name
        self._orders = OrderServiceStub(channel)

    async def run(self, number: int, in_flight: int) -> list[float]:
        """So many; the seconds of each."""
        requests = [placed.request for placed in draw(random.Random(), number, run=uuid4().hex[:12], kinds=("good",))]

        async def one(each: int) -> None:
            await self._place(requests[each])

        return await closed_loop(one, number, in_flight)

    async def catch_up(self, number: int) -> None:
        """Nothing is left: the end of an order is durable before it is told."""

    async def finish(self) -> None:
        """Nothing is left."""

    async def _place(self, request: StartOrderRequest) -> None:
        request.wait.CopyFrom(Duration(seconds=_WAIT_SECONDS))
        answer = await self._orders.StartOrder(request, timeout=2 * _WAIT_SECONDS)
        if answer.order.status != saga_pb2.STATUS_COMPLETED:
            raise BenchFailed(f"an order is {saga_pb2.Status.Name(answer.order.status)} after {_WAIT_SECONDS} s")


@dataclass
class OpenedShop:
    """Services that run, and an orchestrator on each journal.

    Attributes:
        contenders: whose orders the orchestrators take, by the name of the journal's store.
        orchestrators: the processes, by the same.
        services: the processes, by their names.
    """

    contenders: dict[str, Orders]
    orchestrators: dict[str, Process]
    services: dict[str, Process]

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, session: Session, folder: Path, *, counting: bool) -> AsyncIterator[Self]:
        """Start everything; each process counts its flushes in a file of its name, if so wished."""
        journals = {"SQLite": f"sqlite:{folder / 'orchestrator.db'}", "PostgreSQL": session.databases.new()}
        async with contextlib.AsyncExitStack() as stack:
            shop = stack.enter_context(_shop_in(folder))
            orchestrators = {store: shop.orchestrator(folder / store, journal=url) for store, url in journals.items()}
            processes = {**shop.services, **orchestrators}
            for process in shop.services.values():
                process.start(**_counting(folder, process.name, counting=counting))
            for process in shop.services.values():
                await process.serving()
            for store, process in orchestrators.items():
                await process.restart(**_counting(folder, store, counting=counting))
            channels = {
                store: await stack.enter_async_context(
                    grpc.aio.insecure_channel(processes[store].address, interceptors=with_token(TOKEN))
                )
                for store in orchestrators
            }
            contenders = {store: Orders(store, channel) for store, channel in channels.items()}
            yield cls(contenders, orchestrators, shop.services)


def counted_in(file: Path) -> dict[str, str]:
    """The environment of a process that counts its flushes in this file; see :func:`flushes_in`."""
    return {"BENCH_FLUSHES": str(file), "PYTHONPATH": f"{_FLUSHES}{os.pathsep}{ROOT}"}


def flushes_in(folder: Path) -> dict[str, int]:
    """So far, by what follows ``flushes-`` in the names of the files."""
    files = folder.glob("flushes-*")
    return {file.name.removeprefix("flushes-"): int(_NUMBER.unpack(file.read_bytes())[0]) for file in files}


def _counting(folder: Path, name: str, *, counting: bool) -> dict[str, str]:
    return counted_in(folder / f"flushes-{name}") if counting else {}


async def shop(session: Session) -> None:
    """Orders through the API, the journal on SQLite and on PostgreSQL; then, apart, how often each process flushes."""
    options = session.options
    in_flight = 0
    measured: list[Measured] = []
    async with OpenedShop.opened(session, session.folder / "shop", counting=False) as opened:
        watched = _watched(session, opened)
        for in_flight in options.shop_in_flight:
            number = max(in_flight, options.orders if in_flight > 1 else options.orders // 5)
            contenders = list(opened.contenders.values())
            measured = await interleaved(contenders, watched, rounds=options.rounds, number=number, in_flight=in_flight)
            session.results.loads += [Load(NAME, in_flight, each) for each in measured]
            said = ", ".join(f"{each.contender} {each.rate.median:.0f}/s" for each in measured)
            say(f"{NAME}, {in_flight} in flight: {said}")
    for each in measured:
        flushes = await _flushes(session, each.contender, in_flight)
        for name in ("orchestrator", *opened.services, "database", "customers"):
            if name in each.cpu:
                share = Share(each.contender, in_flight, name, each.cpu[name], flushes.get(name))
                session.results.shares.append(share)


def _watched(session: Session, opened: OpenedShop) -> Watched:
    """All services as the participant, and each by its name; the bench's own process is that of the customers."""
    watched = session.watched.instead("orchestrator", [each.pid for each in opened.orchestrators.values()])
    watched = watched.instead("participant", [each.pid for each in opened.services.values()])
    for name, process in opened.services.items():
        watched.add(name, process.pid)
    watched.add("customers", os.getpid())
    return watched


def _shop_in(folder: Path) -> Shop:
    folder.mkdir()
    return Shop(folder, traced=False)


async def _flushes(session: Session, store: str, in_flight: int) -> dict[str, float]:
    """Of each process, for each order; in a round of its own, because counting slows."""
    folder, number = session.folder / f"shop-{store}", max(session.options.orders, in_flight)
    async with OpenedShop.opened(session, folder, counting=True) as opened:
        orders = opened.contenders[store]
        await orders.run(in_flight, in_flight)
        before = flushes_in(folder)
        on_the_server = await _wal_flushes(session)
        await orders.run(number, in_flight)
        after = flushes_in(folder)
        for process in opened.orchestrators.values():
            process.end()  # the server counts what a connection did when it ends
        on_the_server = await _wal_flushes(session) - on_the_server
    found = {name: (many - before[name]) / number for name, many in after.items()}
    return {"orchestrator": found.pop(store), **found} | ({"database": on_the_server / number} if on_the_server else {})


async def _wal_flushes(session: Session) -> int:
    """How often the server of PostgreSQL has had the disk keep its log."""
    async with await psycopg.AsyncConnection.connect(session.databases.server) as connection:
        if connection.info.server_version >= _WAL_IN_PG_STAT_IO:
            asked = await connection.execute("SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'")
        else:
            asked = await connection.execute("SELECT wal_sync FROM pg_stat_wal")
        (number,) = await asked.fetchone() or (0,)
        return int(number or 0)
