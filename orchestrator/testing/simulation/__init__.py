"""Deterministic simulation: the real engine in a world that one seed decides, held to the promises of the design.

::

    customers, operators ──▶ replicas (the real engine) ──▶ network ──▶ participants (made from their contracts)
                                   │                                        │
                                   ▼                                        ▼
                               the store ───────────▶ invariants ◀──── ledger of effects

It takes any saga: ``simulate(seed, MemoryJournal, sagas_under_test([book_trip])).broken`` is empty where every promise
was kept.
"""

from orchestrator.testing.simulation.promises import Broken, Promise
from orchestrator.testing.simulation.sagas_under_test import SagasUnderTest, sagas_under_test
from orchestrator.testing.simulation.timeline import Event, Timeline
from orchestrator.testing.simulation.world import Outcome, simulate

__all__ = ["Broken", "Event", "Outcome", "Promise", "SagasUnderTest", "Timeline", "sagas_under_test", "simulate"]
