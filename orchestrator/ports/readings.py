"""What a replica looks like at this moment: a meter asks for it, and nothing is counted until then."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.ports.catalogue import SagaCount
    from orchestrator.ports.outbox import SinkRecord


class ParticipantReading(NamedTuple):
    """How one participant fares, as this process sees it.

    Attributes:
        service: the full name of its service.
        in_flight: calls that are in flight to it.
        waiting: calls that wait to be admitted.
        down_since: since when its circuit is open, nanoseconds since the epoch, UTC; 0 while it is closed.
    """

    service: str
    in_flight: int
    waiting: int
    down_since: int


class Reading(NamedTuple):
    """One replica at one moment.

    Attributes:
        read_at: when, nanoseconds since the epoch, UTC.
        live: how many sagas it advances, by definition.
        recovering: how many of the sagas that it found at its start it has yet to recover.
        claims_lost: how many claims it has lost to other replicas so far.
        participants: one for each service.
        open: the sagas in the journal that have not ended, of whichever replica; ``None`` where the journal cannot be
            read now. So are the three that follow.
        queued: how many of them are queued, by definition.
        unclaimed: how many of them no living replica has claimed, by definition.
        sinks: whom events are told, and how far.
    """

    read_at: int
    live: Mapping[str, int]
    recovering: int
    claims_lost: int
    participants: Sequence[ParticipantReading]
    open: Sequence[SagaCount] | None
    queued: Mapping[str, int] | None
    unclaimed: Mapping[str, int] | None
    sinks: Sequence[SinkRecord] | None


class Readings(Protocol):
    """What can be read of one replica."""

    @property
    def definitions(self) -> Sequence[str]:
        """The names of the definitions that it serves."""

    async def read(self) -> Reading:
        """The replica now; on its own loop."""
