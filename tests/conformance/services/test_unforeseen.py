"""What a service does after an unforeseen exception, on every store."""

import logging
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from sqlalchemy import Connection, text

from services.chassis import command
from services.inventory.service import InventoryService
from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReserveStockRequest, ReserveStockResponse
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import status_of

if TYPE_CHECKING:
    from tests.conformance.services.conftest import Serve

RESERVE = ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=1)])


class Broken(InventoryService):
    """An inventory with two bugs."""

    @command
    def ReserveStock(self, request: ReserveStockRequest, connection: Connection) -> ReserveStockResponse:  # noqa: N802
        if request.order_id == "no such table":
            connection.execute(text("SELECT * FROM secrets"))
        raise RuntimeError("the secret is 42")


@pytest.mark.parametrize("order_id", ["no such table", "a bug"])
async def test_a_bug_is_logged_and_answered_without_details(
    serve: "Serve", caplog: pytest.LogCaptureFixture, order_id: str
) -> None:
    inventory = InventoryServiceStub(await serve("inventory", Broken))
    request = ReserveStockRequest(order_id=order_id, lines=RESERVE.lines)
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.aio.AioRpcError) as caught:
        await inventory.ReserveStock(request)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INTERNAL, "internal error")
    assert not status_of(caught.value).details
    assert "ReserveStock failed" in caplog.text


async def test_the_service_goes_on_after_a_bug(serve: "Serve") -> None:
    inventory = InventoryServiceStub(await serve("inventory", Broken))
    with pytest.raises(grpc.aio.AioRpcError):
        await inventory.ReserveStock(RESERVE)
    assert (await inventory.GetStock(GetStockRequest(sku="MUG-BLUE"))).available == 1_000_000
