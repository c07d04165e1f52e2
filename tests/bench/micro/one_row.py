"""A command that writes one row to SQLite, behind each form of the guard, and the same without a guard.

``python -m tests.bench.micro.one_row FORM WAY FOLDER`` says where it listens, and serves until it is terminated.
``WAY`` is ``guarded`` or ``bare``; ``bare`` is what one would write without a guard: the handler has a transaction of
its own.
"""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from typing import Any, Final, cast

import grpc
import grpc.aio
import uvloop
from sqlalchemy import Connection, create_engine, insert, text
from sqlalchemy.ext.asyncio import create_async_engine

from orchestrator.participant import Kind, aio, asgi, threads
from orchestrator.participant.drivers import DriverRecords
from orchestrator.participant.engines import AsyncEngineRecords, EngineRecords
from orchestrator.participant.records import table_ddl
from services.chassis import Participant, command, load_settings, serving
from services.inventory.__main__ import SERVICE
from services.inventory.store import RESERVATIONS
from shop.inventory.v1.inventory_pb2 import DESCRIPTOR, ReserveStockRequest, ReserveStockResponse
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceServicer, add_InventoryServiceServicer_to_server
from tests.conformance.participants.bridge import Bridge

KINDS: Final = {"shop.inventory.v1.InventoryService": {"ReserveStock": Kind.COMMAND}}
ROUTES: Final = {"ReserveStock": ("POST", "/reservations")}
ROW: Final = "INSERT INTO reservations (order_id) VALUES (:order_id)"
_INSERT: Final = insert(RESERVATIONS)
_TEXT: Final = text(ROW)


class OneRow(Participant, InventoryServiceServicer):
    """The command on the chassis."""

    @command
    def ReserveStock(self, request: ReserveStockRequest, connection: Connection) -> ReserveStockResponse:  # noqa: N802
        connection.execute(_INSERT, {"order_id": request.order_id})
        return ReserveStockResponse()


class OneCommand:
    """Nobody calls the others."""

    ReleaseStock: Any = None
    GetStock: Any = None


class Asynchronous(OneCommand):
    """The command of a handler that is a coroutine."""

    def __init__(self, write: Callable[[str], Awaitable[None]]) -> None:
        self._write = write

    async def ReserveStock(self, request: ReserveStockRequest, _context: Any) -> ReserveStockResponse:  # noqa: ANN401, N802
        await self._write(request.order_id)
        return ReserveStockResponse()


class Synchronous(OneCommand):
    """The command of a handler that is a function."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def ReserveStock(self, request: ReserveStockRequest, _context: Any) -> ReserveStockResponse:  # noqa: ANN401, N802
        self._write(request.order_id)
        return ReserveStockResponse()


async def chassis(_folder: str, _way: str) -> None:
    service = replace(SERVICE, create=OneRow)
    settings = load_settings(service.settings, name=service.name, contract=service.contract)
    async with serving(service, settings) as (address, _):
        await _listening(address)


async def coroutines(folder: str, way: str) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{_made(folder)}")
    records = AsyncEngineRecords(engine)

    async def in_transaction_of_the_guard(order_id: str) -> None:
        await records.connection().execute(_TEXT, {"order_id": order_id})

    async def bare(order_id: str) -> None:
        async with engine.begin() as connection:
            await connection.execute(_TEXT, {"order_id": order_id})

    interceptors = [aio.GuardInterceptor(records, KINDS)] if way == "guarded" else []
    servicer = Asynchronous(in_transaction_of_the_guard if way == "guarded" else bare)
    await _serve(servicer, interceptors)


async def functions(folder: str, way: str) -> None:
    engine = create_engine(f"sqlite:///{_made(folder)}")
    records = EngineRecords(engine)

    def in_transaction_of_the_guard(order_id: str) -> None:
        records.connection().execute(_TEXT, {"order_id": order_id})

    def bare(order_id: str) -> None:
        with engine.begin() as connection:
            connection.execute(_TEXT, {"order_id": order_id})

    interceptors = [aio.GuardInterceptor(records, KINDS)] if way == "guarded" else []
    servicer = Synchronous(in_transaction_of_the_guard if way == "guarded" else bare)
    await _serve(servicer, interceptors)


async def driver(folder: str, way: str) -> None:
    path = _made(folder)
    records = DriverRecords(sqlite3, lambda: sqlite3.connect(path, check_same_thread=False))

    def in_transaction_of_the_guard(order_id: str) -> None:
        records.connection().execute(ROW, {"order_id": order_id})

    def bare(order_id: str) -> None:
        with records.transaction(writes=True) as statements:  # its pool, and no rules
            statements.execute(ROW, {"order_id": order_id})

    interceptors: Any = [threads.GuardInterceptor(records, KINDS)] if way == "guarded" else []
    servicer: Any = Synchronous(in_transaction_of_the_guard if way == "guarded" else bare)
    server: Any = grpc.server(ThreadPoolExecutor(8), interceptors=interceptors)
    add_InventoryServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    await _listening(f"127.0.0.1:{port}")


async def application(folder: str, way: str) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{_made(folder)}")
    records = AsyncEngineRecords(engine)

    @asynccontextmanager
    async def connected() -> AsyncIterator[Any]:
        if way == "guarded":
            yield records.connection()
        else:
            async with engine.begin() as connection:
                yield connection

    async def app(_scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        body = await receive()
        order_id = str(hash(body["body"]))
        async with connected() as connection:
            await connection.execute(_TEXT, {"order_id": order_id})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    whole: asgi.App = app
    if way == "guarded":
        whole = asgi.GuardMiddleware(app, records, {ROUTES["ReserveStock"]: Kind.COMMAND})
    server = grpc.aio.server()
    service = DESCRIPTOR.services_by_name["InventoryService"]
    server.add_generic_rpc_handlers([Bridge(service, ROUTES, whole, lambda _: None)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await _listening(f"127.0.0.1:{port}")


FORMS: Final = {
    "chassis": chassis,
    "aio, AsyncEngine": coroutines,
    "aio, Engine": functions,
    "threads, sqlite3": driver,
    "asgi, AsyncEngine": application,
}


def _made(folder: str) -> str:
    """A database with both tables, as durable as that of the chassis."""
    path = f"{folder}/one_row.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE reservations (order_id TEXT NOT NULL PRIMARY KEY)")
        connection.execute(table_ddl("sqlite"))
    return path


async def _serve(servicer: object, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
    server = grpc.aio.server(interceptors=interceptors)
    add_InventoryServiceServicer_to_server(cast("InventoryServiceServicer", servicer), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await _listening(f"127.0.0.1:{port}")


async def _listening(address: str) -> None:
    sys.stdout.write(f"one row listening on {address}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(FORMS[sys.argv[1]](sys.argv[3], sys.argv[2]))
