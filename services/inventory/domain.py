"""The rules of reserving stock: all lines of an order or none, and never more than there is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import grpc

from services.chassis.errors import Rejection


class Line(Protocol):
    """A product and how many of it, as the contract states them."""

    @property
    def sku(self) -> str:
        """The product."""

    @property
    def quantity(self) -> int:
        """How many."""


@dataclass(frozen=True, slots=True)
class Stock:
    """The stock of one product. Neither number is ever negative."""

    sku: str
    bin: str
    available: int
    reserved: int

    def __post_init__(self) -> None:
        if self.available < 0 or self.reserved < 0:
            raise ValueError(f"{self.sku}: stock cannot be negative")

    def reserve(self, quantity: int) -> "Stock":
        """The stock after ``quantity`` were reserved.

        Raises:
            Rejection: OUT_OF_STOCK.
        """
        if quantity > self.available:
            raise Rejection(
                "OUT_OF_STOCK",
                f"{self.sku}: {quantity} wanted, {self.available} available",
                metadata={"sku": self.sku, "wanted": quantity, "available": self.available},
            )
        return Stock(self.sku, self.bin, self.available - quantity, self.reserved + quantity)

    def release(self, quantity: int) -> "Stock":
        """The stock after a reservation of ``quantity`` was given back."""
        return Stock(self.sku, self.bin, self.available + quantity, self.reserved - quantity)


def quantities(lines: Iterable[Line]) -> dict[str, int]:
    """How many of each product the lines ask for, by sku in their order; lines of the same sku are added up."""
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    return wanted


def reserve_all(stock: Mapping[str, Stock], wanted: Mapping[str, int]) -> list[Stock]:
    """The stock of each wanted product after all of them were reserved.

    Raises:
        Rejection: OUT_OF_STOCK or SKU_UNKNOWN, for the first product that cannot be reserved.
    """
    return [known(sku, stock.get(sku)).reserve(quantity) for sku, quantity in wanted.items()]


def known(sku: str, stock: Stock | None) -> Stock:
    """The stock, which must be of a product that we keep.

    Raises:
        Rejection: SKU_UNKNOWN.
    """
    if stock is None:
        raise Rejection(
            "SKU_UNKNOWN",
            f"{sku} is not a product of ours",
            code=grpc.StatusCode.NOT_FOUND,
            metadata={"sku": sku},
        )
    return stock
