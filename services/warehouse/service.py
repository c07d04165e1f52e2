"""The warehouse servicer: it makes pick lists of reserved lines."""

from collections.abc import Iterable

from sqlalchemy import Connection

from services.chassis import Participant, retryable
from services.chassis.events import subscribes
from services.warehouse import domain, store
from services.warehouse.domain import PickList
from shop.order.v1.events_pb2 import OrderPlaced
from shop.warehouse.v1.warehouse_pb2 import FulfilOrderRequest, FulfilOrderResponse, PickLine
from shop.warehouse.v1.warehouse_pb2_grpc import WarehouseServiceServicer


class WarehouseService(Participant, WarehouseServiceServicer):
    """Turns reservations into pick lists."""

    @retryable
    def FulfilOrder(self, request: FulfilOrderRequest, connection: Connection) -> FulfilOrderResponse:
        """Make the pick list of an order, in the order in which the shelves are walked."""
        kept = _pick(connection, request.order_id, request.lines, request.tracking_number)
        return FulfilOrderResponse(
            pick_list_id=kept.pick_list_id,
            lines=[PickLine(sku=line.sku, quantity=line.quantity, bin=line.bin) for line in kept.lines],
        )

    @subscribes
    def pick_order(self, placed: OrderPlaced, connection: Connection) -> None:
        """Make the pick list of an order that was placed."""
        _pick(connection, placed.order_id, placed.picks, placed.tracking_number)


def _pick(connection: Connection, order_id: str, lines: Iterable[PickLine], tracking_number: str) -> PickList:
    """The pick list of an order, made now or before."""
    asked = (domain.PickLine(line.sku, line.quantity, line.bin) for line in lines)
    made = PickList(domain.pick_list_id(order_id), domain.walk(asked))
    return store.keep(connection, order_id, tracking_number, made)
