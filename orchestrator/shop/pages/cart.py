"""A cart, which the address of the page holds: nothing of it is kept on the server, and it can be sent to a friend.

It is written ``MUG-BLUE.2 TEE-M.1``: each product once, in the order in which they came.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PIECES: Final = 1_000
"""Of one product, as the contract of a line says."""

_MOST_PRODUCTS: Final = 100
_ITEM: Final = re.compile(r"([A-Z0-9-]{1,32})\.([1-9]\d{0,3})")


class Cart(NamedTuple):
    """What somebody wants to buy.

    Attributes:
        items: products and how many of each; no product twice.
    """

    items: tuple[tuple[str, int], ...] = ()

    @classmethod
    def read(cls, written: str) -> Self:
        """From an address; what cannot be read is left out, for an address may be typed by hand."""
        found = (_ITEM.fullmatch(item) for item in written.split())
        return cls.of((match[1], int(match[2])) for match in found if match)

    @classmethod
    def of(cls, items: Iterable[tuple[str, int]]) -> Self:
        """With these products; pieces of the same product are added up."""
        pieces: dict[str, int] = {}
        for sku, number in items:
            pieces[sku] = min(pieces.get(sku, 0) + number, MOST_PIECES)
        return cls(tuple(pieces.items())[:_MOST_PRODUCTS])

    def with_one_more(self, sku: str) -> Self:
        """The cart with one piece more."""
        return self.of((*self.items, (sku, 1)))

    def with_one_less(self, sku: str) -> Self:
        """The cart with one piece less; without the product where that was the last."""
        return type(self)(
            tuple((each, number - (each == sku)) for each, number in self.items if each != sku or number > 1)
        )

    def written(self) -> str:
        """As an address holds it."""
        return " ".join(f"{sku}.{number}" for sku, number in self.items)

    def lines(self) -> list[Line]:
        """As an order holds it."""
        return [Line(sku=sku, quantity=number) for sku, number in self.items]

    @property
    def pieces(self) -> int:
        """How many there are of all products together."""
        return sum(number for _, number in self.items)
