"""The rewards servicer: it credits points for orders."""

from google.type.money_pb2 import Money
from sqlalchemy import Connection

from services.chassis import InvalidRequest, Participant, query, retryable
from services.chassis.events import subscribes
from services.chassis.money import decimal_of
from services.rewards import store
from services.rewards.domain import Credit, points_for
from shop.order.v1.events_pb2 import OrderPlaced
from shop.rewards.v1.rewards_pb2 import (
    Balance,
    CreditPointsRequest,
    CreditPointsResponse,
    GetBalanceRequest,
    GetBalanceResponse,
)
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceServicer


class RewardsService(Participant, RewardsServiceServicer):
    """Credits points to members."""

    @retryable
    def CreditPoints(self, request: CreditPointsRequest, connection: Connection) -> CreditPointsResponse:
        """Credit the points of an order; a member's first order opens the balance."""
        credit = _credit(connection, request.order_id, request.customer_id, request.total)
        balance = Balance(customer_id=request.customer_id, points=credit.balance)
        return CreditPointsResponse(points=credit.points, balance=balance)

    @subscribes
    def credit_order(self, placed: OrderPlaced, connection: Connection) -> None:
        """Credit the points of an order that a member has placed."""
        if placed.member:
            _credit(connection, placed.order_id, placed.customer_id, placed.total)

    @query
    def GetBalance(self, request: GetBalanceRequest, connection: Connection) -> GetBalanceResponse:
        """Show a member's points."""
        points = store.balance(connection, request.customer_id)
        return GetBalanceResponse(balance=Balance(customer_id=request.customer_id, points=points))


def _credit(connection: Connection, order_id: str, customer_id: str, paid: Money) -> Credit:
    total = decimal_of(paid, field="total")
    if total < 0:
        raise InvalidRequest([("total", "must not be negative")])
    return store.credit(connection, order_id, customer_id, points_for(total))
