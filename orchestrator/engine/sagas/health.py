"""How a process and its participants fare."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orchestrator.ports.quotas import Rate


class ParticipantHealth(NamedTuple):
    """How one participant fares, as this process sees it.

    Attributes:
        service: the full name of its service.
        in_flight: calls that are in flight to it.
        waiting: calls that wait to be admitted.
        down_since: since when it is believed to be down, nanoseconds since the epoch, UTC; 0 where it is not.
        rate: how often all replicas together may call it; ``None`` for as often as they like.
    """

    service: str
    in_flight: int
    waiting: int
    down_since: int
    rate: Rate | None = None


class RecoveryProgress(NamedTuple):
    """How far a process has come with what it found at its start.

    Attributes:
        under_way: it is not done yet.
        recovered: sagas that it has recovered so far.
        expected: sagas that it found, where it asked.
    """

    under_way: bool
    recovered: int
    expected: int
