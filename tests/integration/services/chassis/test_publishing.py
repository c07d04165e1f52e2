"""A service's method publishes in the transaction of its business, once for each intent."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from sqlalchemy import Connection

from services.chassis import Rejection, command
from services.chassis.events import publish
from services.inventory.__main__ import SERVICE as INVENTORY
from services.inventory.service import InventoryService
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest, ReserveStockResponse
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.events_pb2 import OrderPlaced
from shop.type.v1.type_pb2 import Line
from tests.integration.services.chassis.conftest import Serve

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


class TellingInventory(InventoryService):
    """Tells of each reservation, twice; and refuses what is called so, after it has told of it."""

    @command
    def ReserveStock(  # noqa: N802 - the contract's
        self, request: ReserveStockRequest, connection: Connection
    ) -> ReserveStockResponse:
        for customer in ("first", "second"):
            event = OrderPlaced(order_id=request.order_id, customer_id=customer)
            publish(connection, event, about=request.order_id)
        if request.order_id == "refused":
            raise Rejection("REFUSED", "after the event")
        return ReserveStockResponse()


def reserve(order_id: str) -> ReserveStockRequest:
    return ReserveStockRequest(order_id=order_id, lines=[Line(sku="MUG-BLUE", quantity=1)])


def outbox(folder: Path) -> list[Any]:
    """What waits in the outbox: id, source, subject and traceparent, in order."""
    with closing(sqlite3.connect(folder / "inventory.db")) as database:
        query = "SELECT event_id, source, subject, traceparent FROM outbox ORDER BY position"
        return database.execute(query).fetchall()


async def test_what_a_command_publishes_waits_once_however_often_the_command_comes(
    serve: Serve, tmp_path: Path
) -> None:
    stub = InventoryServiceStub(await serve(INVENTORY, create=TellingInventory))
    for _ in range(3):
        await stub.ReserveStock(reserve("order-1"), metadata=[("idempotency-key", "key-1")])
    first, second = outbox(tmp_path)
    assert first[1:3] == second[1:3] == ("shop.inventory.v1.InventoryService", "order-1")
    assert first[0] != second[0]


async def test_what_a_refused_command_has_published_is_told_to_nobody(serve: Serve, tmp_path: Path) -> None:
    stub = InventoryServiceStub(await serve(INVENTORY, create=TellingInventory))
    with pytest.raises(grpc.aio.AioRpcError, match="after the event"):
        await stub.ReserveStock(reserve("refused"), metadata=[("idempotency-key", "key-1")])
    assert outbox(tmp_path) == []


async def test_an_event_belongs_to_the_trace_of_the_call_that_published_it(serve: Serve, tmp_path: Path) -> None:
    stub = InventoryServiceStub(await serve(INVENTORY, create=TellingInventory))
    metadata = [("idempotency-key", "key-1"), ("traceparent", f"00-{TRACE}-{CALLER}-01")]
    await stub.ReserveStock(reserve("order-1"), metadata=metadata)
    # The service itself is not traced here, so what follows is a child of its caller.
    assert {row[3] for row in outbox(tmp_path)} == {f"00-{TRACE}-{CALLER}-01"}


async def test_a_call_without_a_key_publishes_under_ids_of_its_own(serve: Serve, tmp_path: Path) -> None:
    stub = InventoryServiceStub(await serve(INVENTORY, create=TellingInventory))
    for _ in range(2):
        await stub.ReserveStock(reserve("order-1"))
    assert len({row[0] for row in outbox(tmp_path)}) == 4
