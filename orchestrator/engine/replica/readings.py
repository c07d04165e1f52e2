"""Reads one replica for those who measure it. It costs a saga on its way nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.errors import JournalError
from orchestrator.journal.state import ENDED
from orchestrator.ports.readings import ParticipantReading, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.engine.replica.worker import Worker
    from orchestrator.ports.catalogue import SagaCount
    from orchestrator.ports.outbox import SinkRecord

    _OfJournal = tuple[
        Sequence[SagaCount] | None, Mapping[str, int] | None, Mapping[str, int] | None, Sequence[SinkRecord] | None
    ]


class WorkerReadings:
    """What can be read of a worker; see the port."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @property
    def definitions(self) -> Sequence[str]:
        """See the port."""
        return sorted({served.definition.name for served in self._worker.served})

    async def read(self) -> Reading:
        """See the port."""
        worker = self._worker
        recovery = worker.recovery
        found, queued, unclaimed, sinks = await self._journal()
        return Reading(
            worker.adapters.clock.now(),
            {**dict.fromkeys(self.definitions, 0), **worker.queueing.room.live},
            max(0, recovery.expected - recovery.recovered) if recovery.under_way else 0,
            worker.live.claims_lost,
            [
                ParticipantReading(service, breaker.in_flight, breaker.waiting, breaker.down_since)
                for service, breaker in worker.bindings.breakers.items()
            ],
            found,
            queued,
            unclaimed,
            sinks,
        )

    async def _journal(self) -> _OfJournal:
        """The sagas that have not ended, those that are queued, those that nobody advances; and the sinks."""
        journal = self._worker.adapters.journal
        unclaimed, queued = (Counter(dict.fromkeys(self.definitions, 0)) for _ in range(2))
        try:
            found = [count for count in await journal.count() if count.status not in ENDED and count.number]
            for waiting in await self._worker.queueing.count():
                queued[waiting.definition] += waiting.number
            # Where no other replica can be, this one claims all that it finds.
            for left in await journal.unclaimed() if journal.shared else ():
                unclaimed[left.definition] += left.number
            sinks = await journal.sinks()
        except JournalError:
            return None, None, None, None
        return found, queued, unclaimed, sinks
