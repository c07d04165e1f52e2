"""A service that puts the guard before its handlers, with each protocol and each store of records."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, assert_type

import grpc
import grpc.aio
from sqlalchemy import Connection, Engine, MetaData, Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.participant import DEFINITE, GuardRefusal, Kind, Refusal, Rejection, connection, table_ddl
from orchestrator.participant.aio import GuardInterceptor
from orchestrator.participant.asgi import GuardMiddleware
from orchestrator.participant.drivers import DriverRecords
from orchestrator.participant.engines import AsyncEngineRecords, EngineRecords, guard_table
from orchestrator.participant.threads import GuardInterceptor as ThreadsInterceptor

if TYPE_CHECKING:
    from orchestrator.participant.asgi import App

KINDS = {"hotel.v1.HotelService": {"BookRoom": Kind.COMMAND, "CancelRoom": Kind.COMPENSATION}}


async def coroutines(engine: AsyncEngine) -> grpc.aio.Server:
    records = AsyncEngineRecords(engine)
    await records.create_table()
    await assert_type(records.connection(), AsyncConnection).rollback()
    return grpc.aio.server(interceptors=[GuardInterceptor(records, KINDS, validate=lambda _: None)])


def functions(engine: Engine) -> grpc.aio.Server:
    records = EngineRecords(engine)
    records.create_table()
    assert_type(records.connection(), Connection)
    return grpc.aio.server(interceptors=[GuardInterceptor(records, KINDS)])


def threads() -> ThreadsInterceptor:
    records = DriverRecords(sqlite3, lambda: sqlite3.connect("hotel.db", check_same_thread=False))
    assert_type(records.connection(), sqlite3.Connection)
    records.create_table()
    return ThreadsInterceptor(records, KINDS)


def application(app: App, engine: AsyncEngine) -> App:
    return GuardMiddleware(app, AsyncEngineRecords(engine), {("POST", "/rooms"): Kind.COMMAND}, longest_body=10_000)


def refuses() -> None:
    assert_type(DEFINITE, frozenset[str])
    connection().execute("SELECT 1")
    try:
        raise Rejection("NO_HOTEL", "no hotel", code=grpc.StatusCode.NOT_FOUND, metadata={"city": "Nowhere"})
    except GuardRefusal as refusal:
        assert_type(refusal.echo, bool)
    except Refusal as refusal:
        assert_type(refusal.reason, str)


def migrates() -> None:
    assert_type(table_ddl("postgresql"), str)
    assert_type(guard_table(MetaData()), Table)
