"""The rules of picking: in which order the shelves are walked.

Bins are named by aisle, rack and shelf, such as ``A-2-10``, and stand in the order of those parts, numbers
counted as numbers: ``A-2`` comes before ``A-10``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBER = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class PickLine:
    """A product, how many of it, and the bin in which they lie."""

    sku: str
    quantity: int
    bin: str


@dataclass(frozen=True, slots=True)
class PickList:
    """What to pick for an order, in the order of the walk; an order has one pick list at most."""

    pick_list_id: str
    lines: tuple[PickLine, ...]


def walk(lines: Iterable[PickLine]) -> tuple[PickLine, ...]:
    """The same lines in the order in which the shelves are walked: by bin, then by sku."""
    return tuple(sorted(lines, key=lambda line: (_place(line.bin), line.bin, line.sku, line.quantity)))


def pick_list_id(order_id: str) -> str:
    """The identity of an order's pick list: the same for the same order, ``pick_`` and 24 hexadecimal digits."""
    return f"pick_{sha256(order_id.encode()).hexdigest()[:24]}"


def _place(bin_name: str) -> tuple[tuple[str, int], ...]:
    # The split alternates texts and numbers and ends with a text, which gets the number 0 here.
    parts = [*_NUMBER.split(bin_name), "0"]
    return tuple((text, int(number)) for text, number in zip(parts[::2], parts[1::2], strict=True))
