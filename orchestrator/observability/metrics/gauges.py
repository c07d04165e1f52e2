"""From a reading of one replica to the values of the gauges. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.journal.state import Status
from orchestrator.observability import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.observability.metrics.tallies import Attributes
    from orchestrator.ports.outbox import SinkRecord
    from orchestrator.ports.readings import Reading

_OPEN: Final = (Status.RUNNING, Status.WAITING, Status.COMPENSATING, Status.SUSPENDED)
_NANOSECONDS: Final = 1e9

Series = dict["Attributes", float]
"""The values of one gauge."""


def gauges_of(reading: Reading) -> Mapping[str, Series]:
    """The series of each gauge, by its name; none of what could not be read."""
    gauges: dict[str, Series] = {
        names.SAGAS_LIVE: _by_definition(reading.live),
        names.SAGAS_RECOVERING: {(): reading.recovering},
        names.CIRCUIT_OPEN: {},
        names.CIRCUIT_OPEN_DURATION: {},
        names.CALLS_IN_FLIGHT: {},
        names.CALLS_WAITING: {},
    }
    for participant in reading.participants:
        about = ((names.PARTICIPANT, participant.service),)
        since = participant.down_since
        gauges[names.CIRCUIT_OPEN][about] = int(since > 0)
        gauges[names.CIRCUIT_OPEN_DURATION][about] = _seconds(since, reading.read_at) if since else 0.0
        gauges[names.CALLS_IN_FLIGHT][about] = participant.in_flight
        gauges[names.CALLS_WAITING][about] = participant.waiting
    if reading.open is not None:
        gauges |= _open_sagas(reading)
    if reading.queued is not None:
        gauges[names.SAGAS_QUEUED] = _by_definition(reading.queued)
    if reading.unclaimed is not None:
        gauges[names.SAGAS_UNCLAIMED] = _by_definition(reading.unclaimed)
    if reading.sinks is not None:
        gauges |= _sinks(reading.sinks, reading.read_at)
    return gauges


def _open_sagas(reading: Reading) -> dict[str, Series]:
    """Every status of what is served is told, also with 0: then the end of the last suspended saga is seen, too."""
    counts = {(count.definition, count.status): count for count in reading.open or ()}
    definitions = {*reading.live, *(definition for definition, _ in counts)}
    numbers: Series = {}
    ages: Series = {}
    for definition in sorted(definitions):
        for status in _OPEN:
            about = (names.SAGA_DEFINITION, definition), (names.SAGA_STATUS, status.name.lower())
            count = counts.get((definition, status))
            numbers[about] = count.number if count else 0
            ages[about] = _seconds(count.oldest_started_at, reading.read_at) if count else 0.0
    return {names.SAGAS_OPEN: numbers, names.SAGAS_OLDEST: ages}


def _sinks(sinks: Sequence[SinkRecord], now: int) -> dict[str, Series]:
    told: dict[str, Callable[[SinkRecord], float]] = {
        names.EVENTS_BEHIND: lambda sink: sink.behind,
        names.EVENTS_LAG: lambda sink: _since(sink.oldest_at, now),
        names.EVENTS_FAILING: lambda sink: _since(sink.failing_since, now),
        names.EVENTS_BLOCKED: lambda sink: sink.blocked,
        names.EVENTS_DEAD: lambda sink: sink.dead,
    }
    return {name: {((names.SINK, sink.name),): value(sink) for sink in sinks} for name, value in told.items()}


def _since(instant: int | None, now: int) -> float:
    return 0.0 if instant is None else _seconds(instant, now)


def _by_definition(numbers: Mapping[str, int]) -> Series:
    return {((names.SAGA_DEFINITION, definition),): number for definition, number in sorted(numbers.items())}


def _seconds(since: int, now: int) -> float:
    return max(0, now - since) / _NANOSECONDS
