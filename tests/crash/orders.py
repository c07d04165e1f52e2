"""The kinds of orders that customers place, and how each must end as long as no customer cancels it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from saga.v1 import saga_pb2
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Address, Line

if TYPE_CHECKING:
    import random

    from shop.order.v1.order_pb2 import Order

COMPLETED: Final = saga_pb2.STATUS_COMPLETED
COMPENSATED: Final = saga_pb2.STATUS_COMPENSATED
SUSPENDED: Final = saga_pb2.STATUS_SUSPENDED
SKUS: Final = ("MUG-BLUE", "TEE-M", "BOOK-SAGA", "LAMP-DESK", "CHAIR-OAK", "PIANO-GRAND")

_CUSTOMERS: Final = 5


@dataclass(frozen=True)
class Kind:
    """What is special about an order.

    Attributes:
        often: how often it is drawn, relative to the others.
        refused_at: the rpcs one of which refuses it; empty where all of them accept, so that it completes.
    """

    name: str
    lines: tuple[tuple[str, int], ...]
    card_token: str = "tok_ok"
    coupon_codes: tuple[str, ...] = ()
    member: bool = False
    often: int = 1
    refused_at: frozenset[str] = frozenset()

    @property
    def ends(self) -> saga_pb2.Status.ValueType:
        """How it must end."""
        return COMPENSATED if self.refused_at else COMPLETED


_MUG: Final = (("MUG-BLUE", 1),)
_CART: Final = (("MUG-BLUE", 12), ("TEE-M", 2), ("BOOK-SAGA", 1))

KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("good", _MUG, often=6),
        Kind("member", _CART, member=True, often=4),
        Kind("coupons", _CART, coupon_codes=("WELCOME10", "FIVER"), member=True, often=2),
        Kind("lost_reply", _MUG, "tok_lost_reply", often=2),
        Kind("fails_once", _CART, "tok_fails_once", often=2),
        Kind("declined", _CART, "tok_declined", refused_at=frozenset({"AuthorizePayment"}), often=3),
        # 480 kg, and there are three: some carrier or the inventory says no.
        Kind(
            "piano",
            (("PIANO-GRAND", 1), ("MUG-BLUE", 3)),
            refused_at=frozenset({"ReserveStock", "ArrangeShipment"}),
            often=3,
        ),
        Kind("out_of_stock", (("MUG-BLUE", 1), ("CHAIR-OAK", 200)), refused_at=frozenset({"ReserveStock"})),
        Kind("unknown_sku", (("UNICORN", 1),), refused_at=frozenset({"CreateOrder"})),
        Kind("unknown_coupon", _MUG, coupon_codes=("NO-SUCH",), refused_at=frozenset({"PriceOrder"})),
        # 56,700 EUR; the saga's own code refuses it, so there is no rpc to name.
        Kind("fraud", (("CHAIR-OAK", 300),), refused_at=frozenset({""})),
    )
}


@dataclass
class Placed:
    """One order, and what its customer knows of it.

    Attributes:
        order_id: as StartOrder told; empty until then.
        seen: the order as it was told last.
        cancelled: CancelOrder has answered that the order rolls back.
        refusal: why CancelOrder was refused, if it was.
        operated: an operator sits in front of it, so it has not ended while it is suspended.
    """

    kind: Kind
    request: StartOrderRequest
    order_id: str = ""
    seen: Order | None = field(default=None, repr=False)
    cancelled: bool = False
    refusal: str = ""
    operated: bool = False

    @property
    def ended(self) -> bool:
        """Its customer knows that it has ended, or is suspended for good."""
        return self.seen is not None and self.seen.status in (_ENDED if self.operated else _AT_REST)


_ENDED: Final = frozenset({COMPLETED, COMPENSATED, saga_pb2.STATUS_PARTIALLY_COMPENSATED})
_AT_REST: Final = _ENDED | {SUSPENDED}


def draw(chance: random.Random, count: int, *, run: str, kinds: tuple[str, ...] = tuple(KINDS)) -> list[Placed]:
    """So many orders, every kind among them where there is room, in an order that chance decides.

    Args:
        chance: the source of everything that varies.
        count: how many.
        run: a name for this run: its customers, and so their points, are its own.
        kinds: the kinds to draw from.
    """
    known = [KINDS[name] for name in kinds]
    drawn = known[:count] + chance.choices(known, [kind.often for kind in known], k=max(0, count - len(known)))
    chance.shuffle(drawn)
    return [order_of(chance, kind, f"{run}-{chance.randrange(_CUSTOMERS)}") for kind in drawn]


def order_of(chance: random.Random, kind: Kind, customer: str) -> Placed:
    """An order of this kind, not placed yet."""
    request = StartOrderRequest(
        request_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        customer_id=customer,
        email=f"{customer}@customers.example",
        lines=[Line(sku=sku, quantity=quantity) for sku, quantity in kind.lines],
        ship_to=Address(name="A. Customer", street="Long Road 1", city="Berlin", postal_code="10115", country="DE"),
        card_token=kind.card_token,
        coupon_codes=kind.coupon_codes,
        member=kind.member,
    )
    return Placed(kind, request)
