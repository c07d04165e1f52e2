"""How much is done at once: by one replica, and of what all replicas share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from orchestrator.engine.bindings.binding import DEFAULT_MOST_IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.ports.quotas import Rate

DEFAULT_LIVE: Final = 50_000
DEFAULT_QUEUED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a replica is put together with.

    Attributes:
        in_flight: calls that may be in flight from this replica to one participant, and children at once.
        rates: how often participants may be called by all replicas together, by the full names of their services.
        live: sagas that this replica may advance; a start beyond is queued. Recovered and child sagas count, and are
            never queued.
        live_by_definition: the same for sagas of some definitions.
        queued: sagas that may be queued, at all replicas; a start beyond is refused.
        queued_by_definition: the same for sagas of some definitions; of each other one, half of ``queued``.
        weights: how the room for queued sagas is shared between definitions: one of weight 3 gets three times as much
            as one of weight 1, which is the default.
    """

    in_flight: int = DEFAULT_MOST_IN_FLIGHT
    rates: Mapping[str, Rate] = field(default_factory=dict)
    live: int = DEFAULT_LIVE
    live_by_definition: Mapping[str, int] = field(default_factory=dict)
    queued: int = DEFAULT_QUEUED
    queued_by_definition: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)

    def queued_of(self, definition: str) -> int:
        """How many sagas of a definition may be queued: a flood of one leaves room for another."""
        return self.queued_by_definition.get(definition, (self.queued + 1) // 2)
