"""Shares the room for queued sagas between their definitions. Pure.

Purpose: a flood of one definition does not starve another. Invariant: of two definitions that have sagas queued all the
time, each gets room in proportion to its weight. A definition that had nothing queued has no claim to what it missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Turns:
    """Whose turn it is.

    Args:
        weights: by definition; 1 where none is given.
    """

    __slots__ = ("_had", "_weights")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._had: dict[str, float] = {}

    def share(self, room: int, queued: Mapping[str, int]) -> dict[str, int]:
        """How many sagas of each definition are to be begun.

        Args:
            room: how many in all.
            queued: how many of each definition could be.
        """
        left = {definition: number for definition, number in queued.items() if number > 0}
        least = min((had for definition, had in self._had.items() if definition in left), default=0.0)
        self._had = {definition: max(self._had.get(definition, least), least) for definition in left}
        shares: dict[str, int] = {}
        while room > 0 and left:
            definition = min(left, key=lambda each: (self._had[each], each))
            shares[definition] = shares.get(definition, 0) + 1
            self._had[definition] += 1 / self._weights.get(definition, 1)
            left[definition] -= 1
            room -= 1
            if not left[definition]:
                del left[definition]
        return shares
