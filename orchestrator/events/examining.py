"""Looks at the sinks: whether each is told, takes what it is told, and is still wanted. It sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.wording import counted
from orchestrator.ports.findings import fine, warning

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from orchestrator.ports.findings import Finding
    from orchestrator.ports.outbox import SinkRecord

_LATE_SECONDS: Final = 300
_SECOND: Final = 1_000_000_000


def examine_sinks(
    sinks: Sequence[SinkRecord], wanted: Collection[str], publishing: Iterable[str], now: int
) -> list[Finding]:
    """What is found of the sinks.

    Args:
        sinks: those that the journal knows.
        wanted: the names of those in the settings.
        publishing: the sagas that publish something.
        now: nanoseconds since the epoch, UTC.
    """
    found = [finding for sink in sinks for finding in _examined(sink, wanted, now)]
    names = sorted(publishing)
    if names and not wanted:
        told = f"{', '.join(names)} {'publishes' if len(names) == 1 else 'publish'} events, and nobody is told"
        found.append(warning("events", told, "say whom to tell: ORCHESTRATOR_EVENTS_SINKS=<name>=<url>"))
    if found:
        return found
    return [fine("events", f"{counted(len(sinks), 'sink')} takes all events" if sinks else "there is no sink to tell")]


def _examined(sink: SinkRecord, wanted: Collection[str], now: int) -> Iterator[Finding]:
    about = f"sink {sink.name}"
    if sink.name not in wanted:
        advice = f"orchestrator events forget {sink.name}, or put it back into ORCHESTRATOR_EVENTS_SINKS"
        yield warning(about, "it is not in the settings, and every event is kept for its sake", advice)
    if sink.failing_since is not None:
        failing = f"it has taken nothing for {(now - sink.failing_since) // _SECOND} s: {sink.error}"
        advice = "mend the receiver; nothing is lost while it is away, and what it refuses for too long is given up"
        yield warning(about, failing, advice)
    elif sink.oldest_at is not None and now - sink.oldest_at > _LATE_SECONDS * _SECOND:
        seconds = (now - sink.oldest_at) // _SECOND
        late = f"it is {counted(sink.behind, 'event')} behind, the oldest {seconds} s old"
        yield warning(about, late, "look whether a replica with this sink runs, and how quickly the receiver answers")
    if sink.dead:
        advice = f"orchestrator events dead-letters {sink.name}; then orchestrator events retry {sink.name}"
        yield warning(about, f"{counted(sink.dead, 'event')} given up", advice)
