"""How much is done at once: by one replica, and of what all replicas share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.engine.bindings.binding import DEFAULT_MOST_IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.ports.quotas import Rate


@dataclass(frozen=True, slots=True)
class Limits:
    """What a replica is put together with.

    Attributes:
        in_flight: calls that may be in flight from this replica to one participant, and children at once.
        rates: how often participants may be called by all replicas together, by the full names of their services.
    """

    in_flight: int = DEFAULT_MOST_IN_FLIGHT
    rates: Mapping[str, Rate] = field(default_factory=dict)
