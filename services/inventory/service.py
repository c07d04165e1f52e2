"""The inventory's servicer: it reserves, releases and shows stock."""

from sqlalchemy import Connection

from services.chassis import Participant, command, compensation, query
from services.inventory import store
from services.inventory.domain import quantities
from shop.inventory.v1.inventory_pb2 import (
    GetStockRequest,
    GetStockResponse,
    ReleaseStockRequest,
    ReleaseStockResponse,
    ReservedLine,
    ReserveStockRequest,
    ReserveStockResponse,
)
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceServicer


class InventoryService(Participant, InventoryServiceServicer):
    """Keeps the stock of every product and reserves it for orders."""

    @command
    def ReserveStock(self, request: ReserveStockRequest, connection: Connection) -> ReserveStockResponse:
        """Reserve all lines of an order, or none."""
        wanted = quantities(request.lines)
        reserved = store.reserve(connection, request.order_id, wanted)
        lines = [ReservedLine(sku=stock.sku, quantity=wanted[stock.sku], bin=stock.bin) for stock in reserved]
        return ReserveStockResponse(lines=lines)

    @compensation
    def ReleaseStock(self, request: ReleaseStockRequest, connection: Connection) -> ReleaseStockResponse:
        """Give an order's reservation back to the stock."""
        store.release(connection, request.order_id)
        return ReleaseStockResponse()

    @query
    def GetStock(self, request: GetStockRequest, connection: Connection) -> GetStockResponse:
        """Show the stock of one product."""
        stock = store.show(connection, request.sku)
        return GetStockResponse(sku=stock.sku, available=stock.available, reserved=stock.reserved)
