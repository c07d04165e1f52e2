"""The loyalty servicer: it stamps cards when it hears of orders, and lets a saga set a gift aside for a filled card.

No saga and no other service knows of it. It counts, so an event that had its effect twice would be seen here.
"""

from sqlalchemy import Connection

from services.chassis import Participant, query
from services.chassis.events import publish, starts, subscribes
from services.loyalty import store
from services.loyalty.domain import STAMPS_A_CARD, card_filled_by
from shop.loyalty.v1.events_pb2 import GiftRequest, StampCardFilled
from shop.loyalty.v1.loyalty_pb2 import GetStampsRequest, GetStampsResponse
from shop.loyalty.v1.loyalty_pb2_grpc import LoyaltyServiceServicer
from shop.order.v1.events_pb2 import OrderPlaced


class LoyaltyService(Participant, LoyaltyServiceServicer):
    """Stamps the cards of members."""

    @subscribes
    def stamp_card(self, placed: OrderPlaced, connection: Connection) -> None:
        """Stamp the card of a member who has placed an order, and tell when it is filled."""
        if not placed.member:
            return
        card = card_filled_by(store.stamp(connection, placed.customer_id))
        if card:
            filled = StampCardFilled(customer_id=placed.customer_id, card=card)
            publish(connection, filled, about=placed.customer_id)

    @starts("set_gift_aside")
    def set_gift_aside(self, filled: StampCardFilled) -> GiftRequest:
        """Start the saga that sets the gift for a filled card aside."""
        return GiftRequest(customer_id=filled.customer_id, card=filled.card)

    @query
    def GetStamps(self, request: GetStampsRequest, connection: Connection) -> GetStampsResponse:
        """Show a member's stamps."""
        stamps = store.stamps_of(connection, request.customer_id)
        return GetStampsResponse(stamps=stamps, filled_cards=stamps // STAMPS_A_CARD)
