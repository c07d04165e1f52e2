"""The rewards servicer: it credits points for orders."""

from sqlalchemy import Connection

from services.chassis import InvalidRequest, Participant, query, retryable
from services.chassis.money import decimal_of
from services.rewards import store
from services.rewards.domain import points_for
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
        total = decimal_of(request.total, field="total")
        if total < 0:
            raise InvalidRequest([("total", "must not be negative")])
        credit = store.credit(connection, request.order_id, request.customer_id, points_for(total))
        balance = Balance(customer_id=request.customer_id, points=credit.balance)
        return CreditPointsResponse(points=credit.points, balance=balance)

    @query
    def GetBalance(self, request: GetBalanceRequest, connection: Connection) -> GetBalanceResponse:
        """Show a member's points."""
        points = store.balance(connection, request.customer_id)
        return GetBalanceResponse(balance=Balance(customer_id=request.customer_id, points=points))
