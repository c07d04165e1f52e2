"""The sink of a simulated world, and what goes wrong on the way to it."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Final

from orchestrator.ports.sink import NotTaken
from orchestrator.testing.world.virtual_loop import call_outside

if TYPE_CHECKING:
    from orchestrator.ports.outbox import KeptEvent
    from orchestrator.testing.simulation.fault_rates import FaultRates
    from orchestrator.testing.simulation.invariants import Invariants
    from orchestrator.testing.simulation.timeline import Timeline

_TIMEOUT_SECONDS: Final = 1.0
_USUAL_SECONDS: Final = (0.001, 0.05)
_SLOW_SECONDS: Final = (0.1, 0.9)


class SimulatedSink:
    """Takes the events of all replicas of one world. A message that has left arrives, whatever becomes of its sender.

    Args:
        seed: of the world.
        fault_rates: what can go wrong.
        timeline: is told what happens.
        invariants: are told what has arrived.

    Attributes:
        fault_rates: as above; they change when the faults end.
    """

    name = "sink"
    timeout = _TIMEOUT_SECONDS
    most_at_once = 8

    def __init__(self, seed: int, fault_rates: FaultRates, timeline: Timeline, invariants: Invariants) -> None:
        self.fault_rates = fault_rates
        self._random = Random(f"{seed}/events")  # noqa: S311 - no secret
        self._timeline = timeline
        self._invariants = invariants

    def wants(self, kind: str) -> bool:  # noqa: ARG002 - it wants all
        """See the port."""
        return True

    async def tell(self, event: KeptEvent) -> NotTaken | None:
        """See the port."""
        rates, random = self.fault_rates, self._random
        answered: asyncio.Future[NotTaken | None] = asyncio.get_running_loop().create_future()
        seconds = random.uniform(*(_SLOW_SECONDS if random.random() < rates.slow else _USUAL_SECONDS))
        if random.random() < rates.lost:
            call_outside(self.timeout, _answer, answered, NotTaken("lost", answered=False))
        elif random.random() < rates.refused_for_now:
            call_outside(seconds, _answer, answered, NotTaken("refused", answered=True))
        else:
            failure = NotTaken("unanswered", answered=False) if random.random() < rates.unanswered else None
            call_outside(seconds / 2, self._arrive, event)
            call_outside(self.timeout if failure else seconds, _answer, answered, failure)
        return await answered

    async def close(self) -> None:
        """See the port."""

    def _arrive(self, event: KeptEvent) -> None:
        self._timeline.note("sink", "told", event.event.saga_id, event.event.type, event.event.event_id)
        self._invariants.events.arrived(event.event)


def _answer(answered: asyncio.Future[NotTaken | None], failure: NotTaken | None) -> None:
    if not answered.done():
        answered.set_result(failure)
