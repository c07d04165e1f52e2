"""Who advances which saga, for a store in memory: claims, leases, the queue of starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from orchestrator.journal.state import CLAIMABLE, Status
from orchestrator.ports.catalogue import SagaRecord, UnclaimedCount
from orchestrator.ports.claims import LATE_NANOSECONDS, Claim, DueClaims, LivingReplica, SilentReplica
from orchestrator.ports.queues import QueuedCount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.journal.cause import Cause
    from orchestrator.journal.entries import Entry
    from orchestrator.ports.claims import Served


@dataclass(slots=True)
class Kept:
    """A saga as a store in memory keeps it."""

    number: int  # in the order of start
    record: SagaRecord
    owner: str | None
    token: int
    entries: list[Entry]
    cause: Cause | None = None


class ClaimsInMemory:
    """What the port of the journal says of claims and of the queue, in dictionaries.

    Args:
        now: the time of the store, nanoseconds since the epoch, UTC.
        sagas: all sagas by their ids, which other handles have too; so it is with the leases.
        alive_until: until when each replica is taken to live, by the clock of the store.
        tell_claimable: tells other handles that there is something to claim.
    """

    def __init__(
        self,
        now: Callable[[], int],
        sagas: dict[str, Kept],
        alive_until: dict[str, int],
        tell_claimable: Callable[[], None],
    ) -> None:
        self._now = now
        self._sagas = sagas
        self._alive_until = alive_until
        self._tell_claimable = tell_claimable

    async def heartbeat(self, owner: str, lease: int) -> int:
        """See the port."""
        now = self._now()
        self._alive_until[owner] = now + lease
        return now

    async def claim_unfinished(self, owner: str, limit: int, served: Served | None = None) -> list[Claim]:
        """See the port."""
        now = self._now()
        claims: list[Claim] = []
        for kept in self._sagas.values():
            if len(claims) == limit:
                break
            is_claimable = kept.record.status in CLAIMABLE and not self._is_alive(kept.owner, now)
            if is_claimable and _is_served(kept.record, served):
                claims.append(_claim(kept, owner))
        return claims

    async def claim_due(self, owner: str, limit: int, served: Served | None = None, *, anew: bool = False) -> DueClaims:
        """See the port."""
        now = self._now()
        timed = [
            (kept.record.wake_at, kept)
            for kept in self._sagas.values()
            if kept.record.wake_at is not None and _is_served(kept.record, served)
        ]
        due = [
            (wake_at, kept)
            for wake_at, kept in timed
            if wake_at <= now and (not self._is_alive(kept.owner, now) or (anew and kept.owner == owner))
        ]
        due.sort(key=itemgetter(0))
        claims = [_claim(kept, owner)._replace(due=True) for _, kept in due[:limit]]
        return DueClaims(claims, min((wake_at - now for wake_at, _ in timed if wake_at > now), default=None))

    async def claimed(self, owner: str) -> list[Claim]:
        """See the port."""
        return [
            Claim(kept.record.saga_id, kept.token)
            for kept in self._sagas.values()
            if kept.owner == owner and kept.record.status in CLAIMABLE
        ]

    async def claim_resting(self, owner: str, saga_id: str) -> Claim | None:
        """See the port."""
        kept = self._sagas.get(saga_id)
        if kept is None or kept.record.status not in {Status.SUSPENDED, Status.WAITING, Status.COMPLETED}:
            return None
        return _claim(kept, owner)

    async def release(self, owner: str) -> None:
        """See the port."""
        self._mute(owner)
        for kept in self._sagas.values():
            if kept.owner == owner:
                kept.owner = None
        self._tell_claimable()

    async def unclaimed(self) -> list[UnclaimedCount]:
        """See the port."""
        now, groups = self._now(), dict[tuple[str, int], list[int]]()
        for kept in self._sagas.values():
            is_late = kept.record.wake_at is not None and kept.record.wake_at <= now - LATE_NANOSECONDS
            if (kept.record.status in CLAIMABLE or is_late) and not self._is_alive(kept.owner, now):
                groups.setdefault((kept.record.definition, kept.record.version), []).append(kept.record.started_at)
        return [UnclaimedCount(*of, len(started), min(started)) for of, started in sorted(groups.items())]

    async def living(self) -> list[LivingReplica]:
        """See the port."""
        now = self._now()
        claims = Counter(kept.owner for kept in self._sagas.values() if kept.record.status in CLAIMABLE)
        alive = sorted((owner, until) for owner, until in self._alive_until.items() if until > now)
        return [LivingReplica(owner, until, claims[owner]) for owner, until in alive]

    async def silent(self) -> list[SilentReplica]:
        """See the port."""
        now = self._now()
        return [SilentReplica(owner, abs(until)) for owner, until in self._alive_until.items() if until <= now]

    async def forget(self, owners: Sequence[str]) -> None:
        """See the port."""
        for owner in owners:
            self._alive_until.pop(owner, None)

    async def queued(self) -> list[QueuedCount]:
        """See the port."""
        groups: dict[tuple[str, int], list[int]] = {}
        for record in [kept.record for kept in self._sagas.values() if kept.record.turn_at is not None]:
            groups.setdefault((record.definition, record.version), []).append(record.started_at)
        return [QueuedCount(*of, len(started), min(started)) for of, started in sorted(groups.items())]

    async def claim_queued(self, owner: str, wanted: Mapping[str, int], served: Served | None = None) -> list[Claim]:
        """See the port."""
        left = dict(wanted)
        queued = [(kept.record.turn_at, kept) for kept in self._sagas.values() if kept.record.turn_at is not None]
        claims: list[Claim] = []
        for _, kept in sorted(queued, key=itemgetter(0)):
            definition = kept.record.definition
            if left.get(definition) and _is_served(kept.record, served):
                left[definition] -= 1
                kept.record = replace(kept.record, status=Status.RUNNING, wake_at=None, turn_at=None)
                claims.append(_claim(kept, owner))
        return claims

    def _mute(self, owner: str) -> None:
        """It is remembered, and counts as silent: a negative instant is before every other."""
        if owner in self._alive_until:
            self._alive_until[owner] = -abs(self._alive_until[owner])

    def _is_alive(self, owner: str | None, now: int) -> bool:
        return owner is not None and self._alive_until.get(owner, 0) > now


def _is_served(record: SagaRecord, served: Served | None) -> bool:
    return served is None or (record.definition, record.version) in served


def _claim(kept: Kept, owner: str) -> Claim:
    kept.owner = owner
    kept.token += 1
    return Claim(kept.record.saga_id, kept.token)
