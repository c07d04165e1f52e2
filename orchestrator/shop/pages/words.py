"""What each step of an order is to a customer: before, during and after it, when it is refused, and when it is undone.

In braces stand facts of the order, which :mod:`orchestrator.shop.pages.progress` knows once the step has told them.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Words(NamedTuple):
    """Sentences about one step.

    Attributes:
        ahead: what will be done.
        now: what is being done.
        done: what was done.
        refused: what it means that this was refused.
        undone: what it means that this was taken back; empty for what needs no undo.
    """

    ahead: str
    now: str
    done: str
    refused: str
    undone: str = ""


OF_STEPS: Final = {
    "shop.product.v1.ProductService.CreateOrder": Words(
        "Write your order down",
        "We are writing your order down",
        "Your order is written down",
        "We do not sell what you ordered",
        "Your order is struck from the book",
    ),
    "shop.fraud.v1.FraudService.AssessOrder": Words(
        "Look at the order",
        "We are looking at the order",
        "The order is fine",
        "The order looks wrong to us",
    ),
    "shop.inventory.v1.InventoryService.ReserveStock": Words(
        "Set it aside for you",
        "We are looking for it on our shelves",
        "It is set aside for you",
        "There is not enough of it on our shelves",
        "It is back on the shelf",
    ),
    "shop.pricing.v1.PricingService.PriceOrder": Words(
        "Work out the price",
        "We are working out the price",
        "The price is {total}, tax included",
        "We cannot price it",
    ),
    "shop.payment.v1.PaymentService.AuthorizePayment": Words(
        "Ask your bank for the money",
        "Your bank is being asked to hold {total}",
        "Your bank holds {total} for us",
        "Your bank declined the card",
        "Your bank holds nothing any more",
    ),
    "shop.shipping.v1.ShippingService.ArrangeShipment": Words(
        "Find a carrier",
        "We are looking for a carrier",
        "{carrier} will carry your parcel",
        "No carrier takes the parcel",
        "The carrier was told not to come",
    ),
    "shop.payment.v1.PaymentService.CapturePayment": Words(
        "Take the money",
        "Your payment is being taken",
        "You have paid {total}",
        "The payment could not be taken",
    ),
    "shop.email.v1.EmailService.SendConfirmation": Words(
        "Write to you",
        "A letter to you is on its way",
        "You have mail from us",
        "We could not write to you",
    ),
    "shop.warehouse.v1.WarehouseService.FulfilOrder": Words(
        "Pack the parcel",
        "The warehouse is packing your parcel",
        "Your parcel is packed",
        "The warehouse does not pack the parcel",
    ),
    "shop.rewards.v1.RewardsService.CreditPoints": Words(
        "Credit your points, if you are a member",
        "Your points are being credited",
        "{points} points are yours",
        "Your points were not credited",
    ),
    "shop.analytics.v1.AnalyticsService.RecordOrder": Words(
        "Count the order",
        "The order is being counted",
        "The order is counted",
        "The order was not counted, which does not matter to you",
    ),
}
"""By the full name of the rpc."""

STATIONS: Final = (
    ("ordered", "Ordered", ("ProductService.CreateOrder", "FraudService.AssessOrder")),
    ("shelf", "Set aside", ("InventoryService.ReserveStock", "PricingService.PriceOrder")),
    ("card", "Money held", ("PaymentService.AuthorizePayment",)),
    ("truck", "Carrier found", ("ShippingService.ArrangeShipment",)),
    ("paid", "Paid", ("PaymentService.CapturePayment",)),
    ("parcel", "Packed", ("WarehouseService.FulfilOrder", "EmailService.SendConfirmation")),
)
"""Where an order passes: the name of a picture, its caption, and the steps that lead there."""


def of_step(method: str) -> Words:
    """The sentences about an rpc; a step that a customer has no words for is called by its name."""
    name = method.rpartition(".")[2]
    return OF_STEPS.get(method) or Words(name, name, name, f"{name} was refused", f"{name} was taken back")
