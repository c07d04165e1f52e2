"""A participant's command without gRPC: with an idempotency key, so guarded, and without one, which just runs.

Both are one transaction on SQLite: ReserveStock of two lines, and the least that a command can do, to write one row.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import insert

from orchestrator.participant.metadata import CallMetadata
from services.chassis.database import Database
from services.chassis.guard import Call, Guard
from services.chassis.migration import migrate
from services.inventory.__main__ import SERVICE
from services.inventory.service import InventoryService
from services.inventory.store import RESERVATIONS
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest, ReserveStockResponse
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture
    from sqlalchemy import Connection

    Business = Callable[[ReserveStockRequest, Connection], ReserveStockResponse]

LINES: Final = (Line(sku="BOOK-SAGA", quantity=1), Line(sku="MUG-BLUE", quantity=2))


_ONE_ROW: Final = insert(RESERVATIONS)


def write_one_row(request: ReserveStockRequest, connection: Connection) -> ReserveStockResponse:
    connection.execute(_ONE_ROW, {"order_id": request.order_id})
    return ReserveStockResponse()


reserve_stock: Final[Business] = partial(InventoryService.ReserveStock.__wrapped__, None)  # type: ignore[attr-defined]


@pytest.fixture
def guard(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[Guard]:
    prepare = partial(migrate, migrations=SERVICE.migrations)
    database = loop.run_until_complete(Database.open(f"sqlite:///{tmp_path}/inventory.db", prepare=prepare))
    yield Guard(database)
    loop.run_until_complete(database.close())


def call(number: int, business: Business, *, guarded: bool) -> Call[ReserveStockResponse]:
    order_id = f"0198c0de-0000-7000-8000-{number:012}"
    request = ReserveStockRequest(order_id=order_id, lines=LINES)
    metadata = CallMetadata(f"{order_id}/InventoryService.ReserveStock#1" if guarded else None)
    return Call("ReserveStock", request, metadata, ReserveStockResponse, partial(business, request))


@pytest.mark.benchmark(group="command")
@pytest.mark.parametrize("business", [write_one_row, reserve_stock], ids=["one row", "reserve stock"])
@pytest.mark.parametrize("guarded", [False, True], ids=["unguarded", "guarded"])
def test_a_command(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, guard: Guard, business: Business, guarded: bool
) -> None:
    numbers = count(1)
    reply = benchmark(lambda: loop.run_until_complete(guard.command(call(next(numbers), business, guarded=guarded))))
    assert len(reply.lines) == (len(LINES) if business is reserve_stock else 0)


@pytest.mark.benchmark(group="command")
def test_a_repeated_command(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, guard: Guard) -> None:
    first = loop.run_until_complete(guard.command(call(1, reserve_stock, guarded=True)))
    again = benchmark(lambda: loop.run_until_complete(guard.command(call(1, reserve_stock, guarded=True))))
    assert again == first
