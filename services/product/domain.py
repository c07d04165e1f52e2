"""The rules of the catalogue: what a cart costs at list prices, and how the catalogue is paged."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import grpc

from services.chassis.errors import InvalidRequest, Rejection


class Line(Protocol):
    """A product and how many of it, as the contract states them."""

    @property
    def sku(self) -> str:
        """The product."""

    @property
    def quantity(self) -> int:
        """How many."""


@dataclass(frozen=True, slots=True)
class Product:
    """Something that the shop sells.

    Attributes:
        sku: its identity.
        name: its name, for people.
        list_price: what one costs before discounts and tax, in nanos of a euro.
        weight_grams: what one weighs.
    """

    sku: str
    name: str
    list_price: int
    weight_grams: int


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """What was ordered.

    Attributes:
        products: the product of each line, in the order of the lines.
        list_total: what the lines cost together, in nanos of a euro.
        weight_grams: what the lines weigh together.
    """

    products: tuple[Product, ...]
    list_total: int
    weight_grams: int


def record_order(catalogue: Mapping[str, Product], lines: Sequence[Line]) -> OrderRecord:
    """Turn a cart into an order record.

    Args:
        catalogue: the products that the cart may hold, by sku.
        lines: the cart.

    Raises:
        Rejection: SKU_UNKNOWN, for the first line whose product is not in the catalogue.
    """
    products = tuple(known(line.sku, catalogue.get(line.sku)) for line in lines)
    ordered = list(zip(products, lines, strict=True))
    return OrderRecord(
        products=products,
        list_total=sum(product.list_price * line.quantity for product, line in ordered),
        weight_grams=sum(product.weight_grams * line.quantity for product, line in ordered),
    )


def known(sku: str, product: Product | None) -> Product:
    """The product, which must be in the catalogue.

    Raises:
        Rejection: SKU_UNKNOWN.
    """
    if product is None:
        raise Rejection(
            "SKU_UNKNOWN",
            f"{sku} is not in the catalogue",
            code=grpc.StatusCode.NOT_FOUND,
            metadata={"sku": sku},
        )
    return product


def page_token(last_sku: str) -> str:
    """The token of the page that follows ``last_sku``; opaque, so that nobody builds one."""
    return base64.urlsafe_b64encode(last_sku.encode()).decode()


def page_start(token: str) -> str:
    """The sku after which the page of ``token`` starts; empty for the first page.

    Raises:
        InvalidRequest: the token is none of ours.
    """
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidRequest([("page_token", "is not a next_page_token of ours")]) from error
