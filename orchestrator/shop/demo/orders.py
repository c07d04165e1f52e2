"""The six orders of the demo, and what is promised of each.

Each is of a product of its own, so that its effect on the stock can be told from that of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saga.v1 import saga_pb2
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Address, Line

AUTHORIZE: Final = "PaymentService.AuthorizePayment#1"
SHIP: Final = "ShippingService.ArrangeShipment#1"


@dataclass(frozen=True)
class DemoOrder:
    """An order to place.

    Attributes:
        number: from 1.
        title: what happens to it.
        request: what is sent.
        ends: the status in which it is to end.
        reason: the code of the reason for its rollback; empty for none.
        step_key: the step that gives rise to the rollback, if one does.
        held: money was put on hold for it.
        cancelled: it is cancelled while its payment is being authorised.
        killed: the orchestrator is killed while its payment is being authorised.
        approved: it waits for an approval, which comes after the orchestrator was killed and started again.
    """

    number: int
    title: str
    request: StartOrderRequest
    ends: saga_pb2.Status.ValueType
    reason: str = ""
    step_key: str = ""
    held: bool = True
    cancelled: bool = False
    killed: bool = False
    approved: bool = False

    @property
    def line(self) -> Line:
        """What is ordered."""
        return self.request.lines[0]

    @property
    def completes(self) -> bool:
        """It is to have every effect, rather than none."""
        return self.ends == saga_pb2.STATUS_COMPLETED


def _request(customer: str, sku: str, quantity: int, card: str, *, member: bool = False) -> StartOrderRequest:
    return StartOrderRequest(
        customer_id=customer,
        email=f"{customer}@shop.example",
        lines=[Line(sku=sku, quantity=quantity)],
        ship_to=Address(name=customer, street="Main Street 1", city="Berlin", postal_code="10115", country="DE"),
        card_token=card,
        member=member,
    )


ORDERS: Final = (
    DemoOrder(
        number=1,
        title="completes",
        request=_request("alice", "MUG-BLUE", 2, "tok_visa", member=True),
        ends=saga_pb2.STATUS_COMPLETED,
    ),
    DemoOrder(
        number=2,
        title="the card is declined",
        request=_request("bob", "CHAIR-OAK", 1, "tok_declined"),
        ends=saga_pb2.STATUS_COMPENSATED,
        reason="REJECTED",
        step_key=AUTHORIZE,
        held=False,
    ),
    DemoOrder(
        number=3,
        title="the shipment is refused after the payment was authorised",
        request=_request("carol", "PIANO-GRAND", 1, "tok_visa"),
        ends=saga_pb2.STATUS_COMPENSATED,
        reason="REJECTED",
        step_key=SHIP,
    ),
    DemoOrder(
        number=4,
        title="cancelled half way",
        request=_request("dave", "BOOK-SAGA", 3, "tok_slow"),
        ends=saga_pb2.STATUS_COMPENSATED,
        reason="CANCELLED",
        cancelled=True,
    ),
    DemoOrder(
        number=5,
        title="the orchestrator is killed with -9 and started again",
        request=_request("erin", "LAMP-DESK", 1, "tok_slow"),
        ends=saga_pb2.STATUS_COMPLETED,
        killed=True,
    ),
    DemoOrder(
        number=6,
        title="waits for an approval, also over the kill of order 5",
        request=_request("frank", "TEE-M", 1000, "tok_visa"),
        ends=saga_pb2.STATUS_COMPLETED,
        approved=True,
    ),
)
