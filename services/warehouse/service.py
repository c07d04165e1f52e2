"""The warehouse servicer: it makes pick lists of reserved lines."""

from sqlalchemy import Connection

from services.chassis import Participant, retryable
from services.warehouse import domain, store
from services.warehouse.domain import PickList
from shop.warehouse.v1.warehouse_pb2 import FulfilOrderRequest, FulfilOrderResponse, PickLine
from shop.warehouse.v1.warehouse_pb2_grpc import WarehouseServiceServicer


class WarehouseService(Participant, WarehouseServiceServicer):
    """Turns reservations into pick lists."""

    @retryable
    def FulfilOrder(self, request: FulfilOrderRequest, connection: Connection) -> FulfilOrderResponse:
        """Make the pick list of an order, in the order in which the shelves are walked."""
        asked = (domain.PickLine(line.sku, line.quantity, line.bin) for line in request.lines)
        made = PickList(domain.pick_list_id(request.order_id), domain.walk(asked))
        kept = store.keep(connection, request.order_id, request.tracking_number, made)
        return FulfilOrderResponse(
            pick_list_id=kept.pick_list_id,
            lines=[PickLine(sku=line.sku, quantity=line.quantity, bin=line.bin) for line in kept.lines],
        )
