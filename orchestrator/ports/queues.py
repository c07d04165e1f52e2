"""The sagas that are queued: they were started, and nobody has begun to advance them.

Purpose: more starts than the replicas can advance are durable at once, and are begun in turn by whichever replica has
room. Invariant: a queued saga is begun once. Who claims it makes it *running* in the same step, so from then on it is
recovered like every other saga.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.ports.claims import Claim, Served


class QueuedCount(NamedTuple):
    """How many sagas of a version are queued; when the oldest started (nanoseconds, UTC)."""

    definition: str
    version: int
    number: int
    oldest_started_at: int


class Queues(Protocol):
    """A queue for each definition, shared by all replicas. Every method may raise JournalUnavailable."""

    async def queued(self) -> list[QueuedCount]:
        """How many sagas are queued, by definition and version; it costs the same however many others there are."""

    async def claim_queued(self, owner: str, wanted: Mapping[str, int], served: Served | None = None) -> list[Claim]:
        """Claim queued sagas; they are running from now on.

        A replica that claimed one by its name, and wrote nothing since, loses that claim, alive or not: the journal may
        have failed it, and it may not even know of its claim.

        Args:
            owner: the replica.
            wanted: how many at most, by definition; of each those whose turn comes first.
            served: only sagas of these; ``None`` for every saga.
        """
