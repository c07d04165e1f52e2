"""The observer that measures, and traces where that is asked for too: every metric passes here, and nowhere else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from orchestrator.observability.environment import wants_metrics
from orchestrator.observability.metrics.counting import CountingObserver
from orchestrator.observability.metrics.families import Families
from orchestrator.observability.metrics.measured import Measured
from orchestrator.observability.metrics.scraping import MetricsPage
from orchestrator.observability.metrics.sending import MetricSender, open_sender
from orchestrator.observability.resource import resource_of_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.observability.door import Door
    from orchestrator.observability.observing import ClosableObserver
    from orchestrator.ports.readings import Readings


class MeasuringObserver:
    """Counts what becomes durable, and hands it on to the observer that traces.

    Args:
        tracing: that one.
        counting: counts.
        measured: the replica, as soon as it is known.
        sent: sends the metrics; ``None`` where no collector is named.
        page: serves them; ``None`` where they are not to be served.

    Attributes:
        committed: counts a commit of the journal.
        holds_back: whether the observer that traces does. What was counted is lost with the process.
    """

    committed: Callable[[int, float], None] | None

    def __init__(
        self,
        tracing: ClosableObserver,
        counting: CountingObserver,
        measured: Measured,
        sent: MetricSender | None,
        page: MetricsPage | None,
    ) -> None:
        self._tracing = tracing
        self._counting = counting
        self._measured = measured
        self._sent = sent
        self._page = page
        self.committed = counting.committed
        self.holds_back = tracing.holds_back
        self.samples = tracing.samples
        self.recovered = tracing.recovered
        self.passed_on = tracing.passed_on
        self._trace = tracing.journalled
        self._count = counting.journalled

    @property
    def told_before(self) -> int:
        """See the port."""
        return self._tracing.told_before

    @told_before.setter
    def told_before(self, instant: int) -> None:
        self._tracing.told_before = instant

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        """These entries of a saga are durable."""
        self._trace(state, entries)
        self._count(state, entries)

    def measure(self, readings: Readings) -> None:
        """See :class:`~orchestrator.observability.observer.ClosableObserver`."""
        self._counting.expect(readings.definitions)
        self._measured.begin(readings)

    async def close(self) -> bool:
        """Send what is held back, for a few seconds; whether all spans arrived."""
        page, self._page = self._page, None
        sent, self._sent = self._sent, None
        closing = [asyncio.to_thread(each.close) for each in (page, sent) if each is not None]
        arrived, *_ = await asyncio.gather(self._tracing.close(), *closing)
        self._measured.end()
        return bool(arrived)


def open_measuring(
    tracing: ClosableObserver, environ: Mapping[str, str], addresses: Mapping[str, str], door: Door | None
) -> MeasuringObserver:
    """An observer that measures.

    Args:
        tracing: the observer that traces, or one that does nothing.
        environ: the process's environment; the ``OTEL_*`` variables count.
        addresses: ``host:port`` of the participants, by the full names of their services.
        door: where the metrics are served; ``None`` for nowhere.

    Raises:
        SettingsError: a variable cannot be understood, or the address cannot be used.
    """
    counting, measured, resource = CountingObserver(addresses), Measured(), resource_of_process()
    page = None
    if door is not None:
        registry = CollectorRegistry()
        registry.register(Families(counting.tallies, resource, measured))
        page = MetricsPage(door, registry)
    sent = open_sender(counting.tallies, resource, measured, environ) if wants_metrics(environ) else None
    return MeasuringObserver(tracing, counting, measured, sent, page)
