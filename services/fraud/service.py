"""The fraud servicer: it scores an order, and records the answer once."""

from sqlalchemy import Connection

from services.chassis import Participant, Settings, recording_query
from services.chassis.guard import Guard
from services.chassis.money import decimal_of
from services.chassis.timestamps import Clock, utc_now
from services.fraud import domain, store
from shop.fraud.v1.fraud_pb2 import (
    VERDICT_ACCEPT,
    VERDICT_DECLINE,
    AssessOrderRequest,
    AssessOrderResponse,
)
from shop.fraud.v1.fraud_pb2_grpc import FraudServiceServicer


class FraudService(Participant, FraudServiceServicer):
    """Scores orders by rules."""

    def __init__(self, guard: Guard, settings: Settings, *, clock: Clock = utc_now) -> None:
        super().__init__(guard, settings)
        self._clock = clock

    @recording_query
    def AssessOrder(self, request: AssessOrderRequest, connection: Connection) -> AssessOrderResponse:
        """Score an order; one that was assessed before gets the same answer."""
        amount = decimal_of(request.amount)
        assessment = store.find(connection, request.order_id)
        if assessment is None:
            now = self._clock()
            recent = store.recent_orders(connection, request.customer_id, since=now - domain.VELOCITY_WINDOW)
            order = domain.Order(amount, request.billing_country, request.shipping_country, recent)
            assessment = domain.assess(order)
            store.keep(connection, request.order_id, request.customer_id, now, assessment)
        return AssessOrderResponse(
            verdict=VERDICT_DECLINE if assessment.declined else VERDICT_ACCEPT,
            score=assessment.score,
            reasons=assessment.reasons,
        )
