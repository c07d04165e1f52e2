"""The rules of prices, in exact decimals.

A price is rounded at three places and nowhere else, each time to the cent with halves up: the amount
of a line, the discount and the tax. The price of one piece stays exact, so ten mugs at 5 % off cost ten
times 9.025 and not ten times 9.03.

    subtotal = sum of the line amounts
    discount = percentages of the subtotal + fixed amounts, never more than the subtotal
    tax      = rate of the country on what remains
    total    = subtotal - discount + tax
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import grpc

from services.chassis.errors import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)
# A refusal travels in trailing metadata, which is small, and the contract does not bound a code's length.
_SHOWN_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Line:
    """What is ordered: a product and how many of it (at least one)."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class QuantityBreak:
    """From ``min_quantity`` pieces on, each costs ``percent`` less."""

    min_quantity: int
    percent: Decimal


@dataclass(frozen=True, slots=True)
class ListPrice:
    """What one piece costs, and what it costs less in quantity."""

    unit_price: Decimal
    breaks: tuple[QuantityBreak, ...] = ()

    def at(self, quantity: int) -> Decimal:
        """The exact price of one piece when ``quantity`` are bought; the largest reduction reached counts."""
        percent = max((step.percent for step in self.breaks if step.min_quantity <= quantity), default=Decimal(0))
        return self.unit_price * (_HUNDRED - percent) / _HUNDRED


@dataclass(frozen=True, slots=True)
class Coupon:
    """Takes ``percent`` of the subtotal and a fixed ``amount`` off an order, until it expires."""

    code: str
    percent: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    expires_at: datetime | None = None

    def expired(self, at: datetime) -> bool:
        """Whether the coupon is no longer redeemed at the instant ``at``; its expiry is the first such instant."""
        return self.expires_at is not None and self.expires_at <= at


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with the exact price of one piece and the amount of all, in cents."""

    sku: str
    quantity: int
    unit_price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """What an order costs. Every amount but a line's unit price is in whole cents, and none is negative."""

    lines: tuple[PricedLine, ...]
    subtotal: Decimal
    discount: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return self.subtotal - self.discount + self.tax


def price_order(
    lines: Sequence[Line],
    price_list: Mapping[str, ListPrice],
    coupons: Iterable[Coupon],
    tax_percent: Decimal,
) -> Price:
    """Price an order.

    Args:
        lines: what is ordered; each line reaches its quantity breaks alone.
        price_list: the list prices by sku.
        coupons: the coupons to redeem. Their order does not matter.
        tax_percent: the tax of the country, such as 19.

    Raises:
        Rejection: SKU_UNKNOWN, for the first line whose product has no price.
    """
    priced = tuple(_price_line(line, price_list.get(line.sku)) for line in lines)
    subtotal = sum((line.amount for line in priced), start=Decimal("0.00"))
    discount = _discount(subtotal, coupons)
    tax = to_cents((subtotal - discount) * tax_percent / _HUNDRED)
    return Price(lines=priced, subtotal=subtotal, discount=discount, tax=tax)


def redeem(codes: Iterable[str], coupons: Mapping[str, Coupon], at: datetime) -> list[Coupon]:
    """The coupons of these codes, each once however often it is named.

    Args:
        codes: the codes that the customer gave.
        coupons: the coupons that the shop knows, by code.
        at: the instant of redeeming, aware.

    Raises:
        Rejection: COUPON_UNKNOWN or COUPON_EXPIRED, for the first code that cannot be redeemed.
    """
    return [_redeemable(code, coupons.get(code), at) for code in dict.fromkeys(codes)]


def to_cents(amount: Decimal) -> Decimal:
    """Round an amount to the cent, halves up."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _price_line(line: Line, price: ListPrice | None) -> PricedLine:
    if price is None:
        raise Rejection(
            "SKU_UNKNOWN",
            f"{line.sku} has no price",
            code=grpc.StatusCode.NOT_FOUND,
            metadata={"sku": line.sku},
        )
    unit_price = price.at(line.quantity)
    return PricedLine(line.sku, line.quantity, unit_price, to_cents(unit_price * line.quantity))


def _redeemable(code: str, coupon: Coupon | None, at: datetime) -> Coupon:
    shown = code[:_SHOWN_LENGTH]
    if coupon is None:
        raise Rejection(
            "COUPON_UNKNOWN",
            f"there is no coupon {shown}",
            code=grpc.StatusCode.NOT_FOUND,
            metadata={"coupon_code": shown},
        )
    if coupon.expired(at):
        raise Rejection("COUPON_EXPIRED", f"the coupon {shown} has expired", metadata={"coupon_code": shown})
    return coupon


def _discount(subtotal: Decimal, coupons: Iterable[Coupon]) -> Decimal:
    # Every percentage is taken of the full subtotal, so the order of the coupons cannot change the price.
    wanted = sum((subtotal * coupon.percent / _HUNDRED + coupon.amount for coupon in coupons), start=Decimal(0))
    return min(to_cents(wanted), subtotal)
