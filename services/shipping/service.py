"""The shipping servicer: it arranges, cancels and shows shipments."""

from typing import Final

from sqlalchemy import Connection

from services.chassis import Participant, Settings, command, compensation, query
from services.chassis.guard import Guard
from services.chassis.money import money_of_decimal
from services.chassis.timestamps import Clock, timestamp_of, utc_now
from services.shipping import domain, store
from services.shipping.domain import ShipmentState
from shop.shipping.v1.shipping_pb2 import (
    SHIPMENT_STATE_ARRANGED,
    SHIPMENT_STATE_CANCELLED,
    ArrangeShipmentRequest,
    ArrangeShipmentResponse,
    CancelShipmentRequest,
    CancelShipmentResponse,
    GetShipmentRequest,
    GetShipmentResponse,
    Shipment,
)
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceServicer

_STATES: Final = {
    ShipmentState.ARRANGED: SHIPMENT_STATE_ARRANGED,
    ShipmentState.CANCELLED: SHIPMENT_STATE_CANCELLED,
}


class ShippingService(Participant, ShippingServiceServicer):
    """Chooses carriers and arranges shipments.

    Args:
        guard: what the methods run behind.
        settings: those of the service.
        clock: the time, aware, at which a shipment is arranged.
    """

    def __init__(self, guard: Guard, settings: Settings, *, clock: Clock = utc_now) -> None:
        super().__init__(guard, settings)
        self._clock = clock

    @command
    def ArrangeShipment(self, request: ArrangeShipmentRequest, connection: Connection) -> ArrangeShipmentResponse:
        """Arrange a shipment with the cheapest carrier that takes the weight to the country."""
        carriers = store.carriers(connection)
        quote = domain.cheapest_quote(carriers, request.ship_to.country, request.weight_grams)
        shipment = domain.arrange(request.order_id, quote, self._clock())
        store.keep(connection, shipment)
        return ArrangeShipmentResponse(shipment=_reply(shipment))

    @compensation
    def CancelShipment(self, request: CancelShipmentRequest, connection: Connection) -> CancelShipmentResponse:
        """Cancel the shipment of an order."""
        store.cancel(connection, request.order_id)
        return CancelShipmentResponse()

    @query
    def GetShipment(self, request: GetShipmentRequest, connection: Connection) -> GetShipmentResponse:
        """Show the shipment of an order."""
        return GetShipmentResponse(shipment=_reply(store.show(connection, request.order_id)))


def _reply(shipment: domain.Shipment) -> Shipment:
    return Shipment(
        shipment_id=shipment.shipment_id,
        order_id=shipment.order_id,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        cost=money_of_decimal(shipment.cost),
        state=_STATES[shipment.state],
        arranged_at=timestamp_of(shipment.arranged_at),
    )
