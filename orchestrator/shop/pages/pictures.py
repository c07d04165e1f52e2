"""The drawings of the products: which is of what, and a sentence to go with it. They lie in ``templates/pictures``."""

from __future__ import annotations

from typing import Final, NamedTuple


class Picture(NamedTuple):
    """A drawing.

    Attributes:
        name: of its file, without the ending.
        blurb: a sentence about the product.
    """

    name: str
    blurb: str


PICTURES: Final = {
    "MUG-BLUE": Picture("mug", "For the tea that waits beside you."),
    "TEE-M": Picture("tee", "Cotton, with an arrow that turns back."),
    "BOOK-SAGA": Picture("book", "Every command has its compensation."),
    "LAMP-DESK": Picture("lamp", "Light for the nights on call."),
    "CHAIR-OAK": Picture("chair", "Sit well while your order arrives."),
    "PIANO-GRAND": Picture("piano", "480 kilograms. No carrier takes it."),
}
"""By the sku of the product."""

UNKNOWN: Final = Picture("box", "")
"""Of a product that nobody has drawn."""
