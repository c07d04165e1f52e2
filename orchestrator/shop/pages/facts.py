"""What the steps of an order have told so far, for the sentences of :mod:`orchestrator.shop.pages.words`.

Only what a contract does not mark as sensitive is read: no card, no address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError, Message

from orchestrator.shop.pages.money import shown
from shop.pricing.v1.pricing_pb2 import PriceOrderResponse
from shop.rewards.v1.rewards_pb2 import CreditPointsResponse
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.journal.state import SagaState

_UNTOLD: Final = {"total": "the money", "carrier": "A carrier", "points": "Your"}
"""What stands in a sentence as long as no step has told it."""


def _priced(reply: PriceOrderResponse) -> dict[str, str]:
    return {"total": shown(reply.total)}


def _arranged(reply: ArrangeShipmentResponse) -> dict[str, str]:
    return {"carrier": reply.shipment.carrier}


def _credited(reply: CreditPointsResponse) -> dict[str, str]:
    return {"points": str(reply.points)}


_TELLING: Final[Mapping[str, tuple[type[Message], Callable[..., dict[str, str]]]]] = {
    "shop.pricing.v1.PricingService.PriceOrder": (PriceOrderResponse, _priced),
    "shop.shipping.v1.ShippingService.ArrangeShipment": (ArrangeShipmentResponse, _arranged),
    "shop.rewards.v1.RewardsService.CreditPoints": (CreditPointsResponse, _credited),
}


def facts_of(state: SagaState) -> dict[str, str]:
    """Every fact by its name in a sentence; a reply that cannot be read tells nothing."""
    facts = dict(_UNTOLD)
    for command in state.commands.values():
        if command.reply is None or command.method not in _TELLING:
            continue
        kind, read = _TELLING[command.method]
        try:
            facts |= read(kind.FromString(command.reply))
        except DecodeError:
            continue
    return facts
