"""The till behind each form of the guard, on SQLite or PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import grpc
import grpc.aio
import psycopg
from google.protobuf import json_format
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from orchestrator.participant import Kind, aio, asgi, threads
from orchestrator.participant.drivers import CursorRecords, DriverRecords
from orchestrator.participant.engines import AsyncEngineRecords, EngineRecords
from shop.payment.v1 import payment_pb2 as pb
from shop.payment.v1.payment_pb2_grpc import PaymentServiceServicer, add_PaymentServiceServicer_to_server
from tests.conformance.participants import till
from tests.conformance.participants.bridge import Bridge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    Form = Callable[[str], AbstractAsyncContextManager[grpc.aio.Channel]]

ROUTES = {
    "AuthorizePayment": ("POST", "/payments"),
    "VoidAuthorization": ("POST", "/payments/void"),
    "CapturePayment": ("POST", "/payments/capture"),
    "GetPayment": ("GET", "/payments/{order_id}"),
}


class AsyncTill(PaymentServiceServicer):
    """Handlers that are coroutines."""

    def __init__(self, execute: till.Execute) -> None:
        self._execute = execute

    async def AuthorizePayment(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return await till.authorize_payment(self._execute, request)

    async def VoidAuthorization(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return await till.void_authorization(self._execute, request)

    async def CapturePayment(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return await till.capture_payment(self._execute, request)

    async def GetPayment(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return await till.get_payment(self._execute, request)


class Till:
    """The same as plain functions; gRPC goes by their names."""

    def __init__(self, execute: till.Execute) -> None:
        self._execute = execute

    def AuthorizePayment(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return _finished(till.authorize_payment(self._execute, request))

    def VoidAuthorization(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return _finished(till.void_authorization(self._execute, request))

    def CapturePayment(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return _finished(till.capture_payment(self._execute, request))

    def GetPayment(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return _finished(till.get_payment(self._execute, request))


def _finished(coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
    """What a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited")


@asynccontextmanager
async def _serving(servicer: object, server: grpc.aio.Server) -> AsyncIterator[grpc.aio.Channel]:
    add_PaymentServiceServicer_to_server(cast("PaymentServiceServicer", servicer), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


@asynccontextmanager
async def async_records(url: str) -> AsyncIterator[AsyncEngineRecords]:
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    parsed = make_url(url)
    engine = create_async_engine(parsed.set(drivername=drivers[parsed.get_backend_name()]))
    records = AsyncEngineRecords(engine)
    await records.create_table()
    async with engine.begin() as connection:
        await connection.execute(text(till.TABLE))
    yield records
    await engine.dispose()


def executing(records: AsyncEngineRecords) -> till.Execute:
    async def execute(statement: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        done = await records.connection().execute(text(statement), parameters)
        return [tuple(row) for row in done] if done.returns_rows else []

    return execute


@asynccontextmanager
async def aio_and_async_engine(url: str) -> AsyncIterator[grpc.aio.Channel]:
    async with async_records(url) as records:
        interceptor = aio.GuardInterceptor(records, till.KINDS, validate=till.validated)
        server = grpc.aio.server(interceptors=[interceptor])
        async with _serving(AsyncTill(executing(records)), server) as channel:
            yield channel


@asynccontextmanager
async def aio_and_engine(url: str) -> AsyncIterator[grpc.aio.Channel]:
    parsed = make_url(url)
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed
    )
    records = EngineRecords(engine)
    records.create_table()
    with engine.begin() as connection:
        connection.execute(text(till.TABLE))

    async def execute(statement: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        on: Connection = records.connection()
        done = on.execute(text(statement), parameters)
        return [tuple(row) for row in done] if done.returns_rows else []

    server = grpc.aio.server(interceptors=[aio.GuardInterceptor(records, till.KINDS, validate=till.validated)])
    async with _serving(Till(execute), server) as channel:
        yield channel
    engine.dispose()


def driver_records(url: str) -> DriverRecords[Any]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = parsed.database or ""
        return DriverRecords(sqlite3, lambda: sqlite3.connect(path, check_same_thread=False))
    conninfo = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return DriverRecords(psycopg, lambda: psycopg.connect(conninfo))


@asynccontextmanager
async def threads_and_driver(url: str) -> AsyncIterator[grpc.aio.Channel]:
    records = driver_records(url)
    records.create_table()
    with records.transaction(writes=True) as statements:
        statements.execute(till.TABLE)

    async def execute(statement: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        cursor = CursorRecords(records.driver, records.connection()).execute(statement, parameters)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    interceptor = threads.GuardInterceptor(records, till.KINDS, validate=till.validated)
    server = grpc.server(ThreadPoolExecutor(10), interceptors=[interceptor])
    untyped: Any = server
    add_PaymentServiceServicer_to_server(cast("PaymentServiceServicer", Till(execute)), untyped)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    server.stop(0).wait()
    records.close()


@asynccontextmanager
async def asgi_and_async_engine(url: str) -> AsyncIterator[grpc.aio.Channel]:
    async with async_records(url) as records:
        kinds = {ROUTES[name]: Kind(kind) for name, kind in till.KINDS[till.SERVICE].items()}
        app = asgi.GuardMiddleware(http_till(executing(records)), records, kinds)
        service = pb.DESCRIPTOR.services_by_name["PaymentService"]
        server = grpc.aio.server()
        server.add_generic_rpc_handlers([Bridge(service, ROUTES, app, till.validated)])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
        await server.stop(0)


def http_till(execute: till.Execute) -> asgi.App:
    """The till as an ASGI application, by hand."""

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        body = json.loads((await receive())["body"] or "{}")
        match scope["method"], scope["path"].split("/")[2:]:
            case "POST", []:
                reply: Any = await till.authorize_payment(execute, _read(body, pb.AuthorizePaymentRequest()))
            case "POST", ["void"]:
                reply = await till.void_authorization(execute, _read(body, pb.VoidAuthorizationRequest()))
            case "POST", ["capture"]:
                reply = await till.capture_payment(execute, _read(body, pb.CapturePaymentRequest()))
            case _, [order_id]:
                reply = await till.get_payment(execute, pb.GetPaymentRequest(order_id=order_id))
            case _:
                raise AssertionError(scope["path"])
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json_format.MessageToJson(reply).encode()})

    return app


def _read(body: dict[str, Any], message: Any) -> Any:  # noqa: ANN401
    return json_format.ParseDict(body, message)
