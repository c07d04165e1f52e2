"""How many sagas one replica advances, and for how many more it has room. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.engine.replica.capacity.limits import Limits


class Room:
    """The room of one replica: in all, and for each definition that has a limit of its own.

    Args:
        limits: how much there is.

    Attributes:
        total: for how many more sagas there is room; negative where recovered ones have taken more than there is.
        live: how many are advanced, by definition.
    """

    __slots__ = ("_own", "live", "total")

    def __init__(self, limits: Limits) -> None:
        self.total = limits.live
        self.live: Counter[str] = Counter()
        self._own: Mapping[str, int] = limits.live_by_definition

    def enter(self, definition: str) -> None:
        """One more is advanced."""
        self.total -= 1
        self.live[definition] += 1

    def leave(self, definition: str) -> None:
        """One is advanced no more."""
        self.total += 1
        self.live[definition] -= 1

    def own(self, definition: str) -> int:
        """For how many more of a definition there is room, the limit of all sagas aside."""
        most = self._own.get(definition)
        return self.total + 1 if most is None else max(0, most - self.live[definition])

    def is_full(self, definition: str) -> bool:
        """No saga of the definition can be begun now."""
        return self.total <= 0 or (definition in self._own and self.own(definition) == 0)
