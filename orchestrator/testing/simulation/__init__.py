"""Deterministic simulation: the real engine in a world that one seed decides, held to the promises of the design.

::

    customers, operators ──▶ replicas (the real engine) ──▶ network ──▶ participants (made from their contracts)
                                   │                                        │
                                   ▼                                        ▼
                             shared journal ──────────▶ watch ◀────── ledger of effects
"""

from orchestrator.testing.simulation.promises import Broken, Promise
from orchestrator.testing.simulation.timeline import Event, Timeline
from orchestrator.testing.simulation.world import Outcome, simulate

__all__ = ["Broken", "Event", "Outcome", "Promise", "Timeline", "simulate"]
