"""A service that adds an effect and ends each call as its request says, before each form of the guard of gRPC."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import grpc
import grpc.aio
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from orchestrator.participant import Kind, Rejection, aio, connection, threads
from orchestrator.participant.drivers import DriverRecords
from orchestrator.participant.engines import AsyncEngineRecords
from orchestrator.participant.security.trust import Trusts, everybody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
    from pathlib import Path

SERVICE: Final = "counter.v1.CounterService"
OTHER: Final = "counter.v1.OtherService"
KINDS: Final = {
    SERVICE: {
        "Add": Kind.COMMAND,
        "AddLater": Kind.RETRYABLE,
        "Remove": Kind.COMPENSATION,
        "Show": Kind.QUERY,
        "Charge": Kind.FOREIGN,
    }
}


def rich() -> status_pb2.Status:
    """A refusal with two details, in an order that no one would choose again by chance."""
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="no such röom")
    status.details.add().Pack(error_details_pb2.Help(links=[error_details_pb2.Help.Link(url="help")]))
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="NO_ROOM", domain="hotel"))
    return status


def postponed() -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.ABORTED, message="busy")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="BUSY"))
    return status


async def ended(name: str, context: Any) -> None:  # noqa: ANN401, C901 - one case for each way to end
    """End a call in the way that its request names."""
    match name:
        case "abort":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no room")
        case "abort with status":
            await context.abort_with_status(rpc_status.to_status(rich()))
        case "caught abort":
            with suppress(Exception):  # what a careless handler does
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no room")
        case "set code":
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details("no room")
        case "rejection":
            raise Rejection("NO_ROOM", "no room", code=grpc.StatusCode.OUT_OF_RANGE, metadata={"rooms": 0})
        case "half an emoji":
            raise Rejection("NO_ROOM", "no room \ud83d", code="OUT_OF_RANGE", metadata={"said": "\ud83d"})
        case "abort with half an emoji":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no room \ud83d")
        case "unavailable":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "later")
        case "postponed":
            await context.abort_with_status(rpc_status.to_status(postponed()))
        case "bug":
            raise RuntimeError("a bug")
        case "stop iteration":
            next(iter(()))
        case _:
            context.set_trailing_metadata((("colour", "blue"),))


@dataclass
class Counter:
    """What the handlers have done.

    Attributes:
        way: how the next calls end, where their request says nothing.
        runs: how often a handler ran.
        inside: is called by a handler after its effect.
    """

    way: str = ""
    runs: int = 0
    inside: Callable[[], Awaitable[None]] | None = None
    handlers: list[grpc.GenericRpcHandler] = field(default_factory=list)

    async def add(self, execute: Execute, request: StringValue, context: Any) -> Int64Value:  # noqa: ANN401
        self.runs += 1
        await execute("INSERT INTO effects (name) VALUES ('effect')")
        if self.inside is not None:
            await self.inside()
        await ended(self.way or request.value, context)
        return Int64Value(value=self.runs)

    async def remove(self, execute: Execute, request: StringValue, context: Any) -> Int64Value:  # noqa: ANN401
        self.runs += 1
        await execute("DELETE FROM effects")
        await ended(self.way or request.value, context)
        return Int64Value(value=-1)

    async def show(self, execute: Execute, request: StringValue, context: Any) -> Int64Value:  # noqa: ANN401
        await ended(self.way or request.value, context)
        [[number]] = await execute("SELECT count(*) FROM effects")
        return Int64Value(value=number)

    async def charge(self, _execute: Execute, request: StringValue, context: Any) -> Int64Value:  # noqa: ANN401
        self.runs += 1
        if self.inside is not None:
            await self.inside()
        await ended(self.way or request.value, context)
        return Int64Value(value=self.runs)


class Execute(Protocol):
    """Executes a statement in the guard's transaction; returns the rows."""

    async def __call__(self, statement: str) -> list[Any]: ...


class _Waited:
    """The context of a plain function, for code that awaits it."""

    def __init__(self, context: Any) -> None:  # noqa: ANN401
        self._context = context

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._context, name)

    async def abort(self, *said: Any) -> None:  # noqa: ANN401
        self._context.abort(*said)

    async def abort_with_status(self, status: Any) -> None:  # noqa: ANN401
        self._context.abort_with_status(status)


def registered(counter: Counter, handler: Callable[[Any], Callable[[Any, Any], Any]]) -> grpc.GenericRpcHandler:
    methods = {
        "Add": counter.add,
        "AddLater": counter.add,
        "Remove": counter.remove,
        "Show": counter.show,
        "Charge": counter.charge,
        "Unlisted": counter.add,
    }
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            name: grpc.unary_unary_rpc_method_handler(
                handler(method),
                request_deserializer=StringValue.FromString,
                response_serializer=Int64Value.SerializeToString,
            )
            for name, method in methods.items()
        },
    )


def finished(coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
    """What a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited")


def function(method: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401
    """A handler that is a plain function, on a driver's connection."""

    async def execute(statement: str) -> list[Any]:
        return list(connection().execute(statement).fetchall())

    def handler(request: Any, context: Any) -> Any:  # noqa: ANN401
        return finished(method(execute, request, _Waited(context)))

    return handler


def coroutine(method: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401
    """A handler that is a coroutine, on an asynchronous connection of SQLAlchemy."""

    async def execute(statement: str) -> list[Any]:
        done = await connection().execute(text(statement))
        return list(done) if done.returns_rows else []

    async def handler(request: Any, context: Any) -> Any:  # noqa: ANN401
        return await method(execute, request, context)

    return handler


def driver_records(folder: Path) -> DriverRecords[sqlite3.Connection]:
    return DriverRecords(sqlite3, lambda: sqlite3.connect(folder / "counter.db", check_same_thread=False))


@asynccontextmanager
async def serving(
    form: str, counter: Counter, folder: Path, trusts: Trusts = everybody
) -> AsyncIterator[grpc.aio.Channel]:
    """A counter before a form: ``coroutines``, ``functions`` on a ``grpc.aio`` server, or ``threads``."""
    plain = driver_records(folder)
    plain.create_table()
    with plain.transaction(writes=True) as statements:
        statements.execute("CREATE TABLE IF NOT EXISTS effects (name TEXT NOT NULL)")
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/counter.db")
    server: Any
    if form == "threads":
        server = grpc.server(
            ThreadPoolExecutor(8), interceptors=[threads.GuardInterceptor(plain, KINDS, trusts=trusts)]
        )
    else:
        records = AsyncEngineRecords(engine) if form == "coroutines" else plain
        server = grpc.aio.server(interceptors=[aio.GuardInterceptor(records, KINDS, trusts=trusts)])
    server.add_generic_rpc_handlers((registered(counter, coroutine if form == "coroutines" else function),))
    server.add_generic_rpc_handlers(tuple(counter.handlers))
    port = server.add_insecure_port("127.0.0.1:0")
    await _waited(server.start())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await _waited(server.stop(0))
    await engine.dispose()
    plain.close()


async def _waited(done: Any) -> None:  # noqa: ANN401 - an awaitable, an event or None
    if hasattr(done, "__await__"):
        await done
    elif done is not None:
        done.wait()


@dataclass(frozen=True)
class Answer:
    """What a caller sees: the code's name, the message, the rich details in bytes, the echo, and the reply."""

    code: str
    message: str
    details: bytes
    echo: tuple[str, ...]
    value: int = 0

    @property
    def reason(self) -> str:
        info = error_details_pb2.ErrorInfo()
        for detail in status_pb2.Status.FromString(self.details).details:
            detail.Unpack(info)
        return str(info.reason)


async def call(
    channel: grpc.aio.Channel,
    name: str,
    value: str = "",
    *,
    key: str | None = None,
    payload: bytes | None = None,
    service: str = SERVICE,
    timeout: float | None = 20.0,  # noqa: ASYNC109 - gRPC's own
    said: Mapping[str, str] | None = None,
) -> Answer:
    """Call a method; ``said`` is metadata besides the key."""
    method: Any = channel.unary_unary(f"/{service}/{name}")
    metadata = [*({} if key is None else {"idempotency-key": key}).items(), *(said or {}).items()]
    request = StringValue(value=value).SerializeToString() if payload is None else payload
    sent = method(request, metadata=metadata, timeout=timeout)
    try:
        reply = await sent
    except grpc.aio.AioRpcError as error:
        trailing = error.trailing_metadata()
        code, message, value_of_reply = error.code().name, error.details() or "", 0
    else:
        trailing = await sent.trailing_metadata()
        code, message, value_of_reply = "OK", "", Int64Value.FromString(reply).value
    pairs = [(str(name), cast("Any", each)) for name, each in trailing]
    details = next((each for name, each in pairs if name == "grpc-status-details-bin"), b"")
    echo = tuple(each for name, each in pairs if name == "idempotency-key")
    return Answer(code, message, details, echo, value_of_reply)


async def effects(channel: grpc.aio.Channel) -> int:
    """How many effects stand."""
    return (await call(channel, "Show")).value
