"""A journal in memory: for tests, and for trying a saga out. Nothing survives the process."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError
from orchestrator.journal.entries import SagaStarted
from orchestrator.journal.state import CAUSED, CLAIMABLE, ENDED, Status
from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord, UnclaimedCount
from orchestrator.ports.claims import LATE_NANOSECONDS, Claim, DueClaims, LivingReplica, SilentReplica
from orchestrator.ports.journal import Moving
from orchestrator.ports.queues import QueuedCount
from orchestrator.ports.retention import Tombstone, tombstone_key
from orchestrator.ports.wakes import Wake
from orchestrator.store.append_refusals import (
    claim_lost,
    new_and_not_empty,
    saga_deleted,
    saga_exists,
    sequence_conflict,
)
from orchestrator.store.bulk_in_memory import BulkActsInMemory, BulkState
from orchestrator.store.figures_in_memory import FiguresInMemory
from orchestrator.store.gathered_wakes import GatheredWakes
from orchestrator.store.outbox_in_memory import OutboxInMemory, OutboxState
from orchestrator.store.paging import decode_page_token, encode_page_token
from orchestrator.store.requests_in_memory import RequestsInMemory, Standing
from orchestrator.store.schedules_in_memory import SchedulesInMemory, SchedulesState
from orchestrator.store.tombstones import page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.journal.cause import Cause
    from orchestrator.journal.entries import Entry
    from orchestrator.ports.claims import Served
    from orchestrator.ports.journal import Append
    from orchestrator.ports.noted_waits import NotedWait
    from orchestrator.ports.requested_acts import RequestedAct
    from orchestrator.ports.retention import EndedPage
    from orchestrator.ports.wakes import Woken
    from orchestrator.store.figure_tally import Tally


@dataclass(slots=True)
class _Kept:
    number: int  # in the order of start
    record: SagaRecord
    owner: str | None
    token: int
    entries: list[Entry]
    cause: Cause | None = None


@dataclass(slots=True)
class MemoryState:
    """All that one store in memory holds, for all handles on it."""

    started: int = 0
    sagas: dict[str, _Kept] = field(default_factory=dict)
    alive_until: dict[str, int] = field(default_factory=dict)
    requests: dict[str, RequestedAct] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    waits: dict[str, tuple[str, NotedWait]] = field(default_factory=dict)
    wakes: list[GatheredWakes] = field(default_factory=list)
    schedules: SchedulesState = field(default_factory=SchedulesState)
    bulk: BulkState = field(default_factory=BulkState)
    tombstones: dict[bytes, Tombstone] = field(default_factory=dict)
    quotas: dict[str, int] = field(default_factory=dict)
    figures: Tally = field(default_factory=dict)
    outbox: OutboxState = field(default_factory=OutboxState)


class MemoryJournal(RequestsInMemory, SchedulesInMemory, BulkActsInMemory, FiguresInMemory, OutboxInMemory):
    """A :class:`~orchestrator.ports.journal.Journal` in dictionaries.

    Args:
        now: the time of the store, nanoseconds since the epoch, UTC: that of a clock, by default the machine's.
        state: what other handles have too, as processes share a database; ``None`` for a store of its own.

    Attributes:
        shared: see the port.
    """

    def __init__(self, now: Callable[[], int] = time.time_ns, state: MemoryState | None = None) -> None:
        self.shared = state is not None
        self._state = state = state or MemoryState()
        self._now = now
        self._wakes = GatheredWakes()
        self._wakes.add_all()
        state.wakes.append(self._wakes)
        self._sagas = state.sagas
        self._alive_until = state.alive_until
        self._tombstones = state.tombstones
        self._quotas = state.quotas
        RequestsInMemory.__init__(self, self._standing_of, state.requests, state.answers)
        SchedulesInMemory.__init__(self, now, state.schedules)
        FiguresInMemory.__init__(self, state.figures, lambda: (kept.record for kept in self._sagas.values()))
        BulkActsInMemory.__init__(self, now, state.bulk)
        OutboxInMemory.__init__(self, now, state.outbox)

    def handle(self) -> MemoryJournal:
        """One more handle on the same store."""
        handle = MemoryJournal(self._now, self._state)
        handle.shared = self.shared
        return handle

    def append(self, append: Append) -> asyncio.Future[None]:
        """See the port."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._write(append)
        except OrchestratorError as error:
            written.set_exception(error)
        else:
            written.set_result(None)
            self._tell(Wake.SAGA, append.saga_id)
        return written

    async def read(self, saga_id: str) -> list[Entry]:
        """See the port."""
        kept = self._sagas.get(saga_id)
        return list(kept.entries) if kept else []

    async def find(self, saga_id: str) -> SagaRecord | None:
        """See the port."""
        kept = self._sagas.get(saga_id)
        return kept.record if kept else None

    async def find_each(self, saga_ids: Sequence[str]) -> list[SagaRecord]:
        """See the port."""
        return [self._sagas[saga_id].record for saga_id in saga_ids if saga_id in self._sagas]

    async def inputs(self, saga_ids: Sequence[str]) -> dict[str, bytes]:
        """See the port."""
        firsts = {saga_id: self._sagas[saga_id].entries[0] for saga_id in saga_ids if saga_id in self._sagas}
        return {saga_id: first.input for saga_id, first in firsts.items() if isinstance(first, SagaStarted)}

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """See the port. The position of a page is the number of the last saga on the page before."""
        position = decode_page_token(page_token)
        found = [kept for kept in self._sagas.values() if where.matches(kept.record)]
        if not oldest_first:
            found.reverse()
        if position is not None:
            found = [kept for kept in found if (kept.number > position) is oldest_first and kept.number != position]
        token = encode_page_token(found[limit - 1].number) if len(found) > limit else ""
        return [kept.record for kept in found[:limit]], token

    async def count(self) -> list[SagaCount]:
        """See the port."""
        groups: dict[tuple[str, Status], list[int]] = {}
        for kept in self._sagas.values():
            groups.setdefault((kept.record.definition, kept.record.status), []).append(kept.record.started_at)
        ordered = sorted(groups.items(), key=lambda group: (group[0][0], group[0][1].value))
        return [SagaCount(*key, len(started), min(started)) for key, started in ordered]

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
        self._tell(Wake.CLAIMABLE)

    async def moving(self, owner: str, before: Moving | None) -> Moving:
        """See the port. The position is the number of the newest saga; all that are parked count as parked lately."""
        unended: dict[str, int] = {}
        ended: dict[str, int] = {}
        parked: dict[str, int] = {}
        for saga_id, kept in self._sagas.items():
            if kept.record.status is Status.WAITING:
                parked[saga_id] = kept.record.sequence
            elif kept.record.status not in ENDED and kept.owner != owner:
                unended[saga_id] = kept.record.sequence
            elif kept.record.status in ENDED and before is not None and kept.number > before.position:
                ended[saga_id] = kept.record.sequence
        return Moving(unended, ended, parked if before is not None else {}, self._state.started, self._now())

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

    async def request_act(self, requested: RequestedAct) -> None:
        """See the port."""
        await super().request_act(requested)
        self._tell(Wake.REQUESTED, requested.saga_id)

    async def answer_act(self, request_id: str, answer: str) -> None:
        """See the port."""
        await super().answer_act(request_id, answer)
        self._tell(Wake.ANSWERED)

    async def note_waits(self, owner: str, begun: Sequence[NotedWait], ended: Sequence[str]) -> None:
        """See the port."""
        for saga_id in ended:
            if self._state.waits.get(saga_id, ("",))[0] == owner:
                del self._state.waits[saga_id]
        self._state.waits.update((wait.saga_id, (owner, wait)) for wait in begun)

    async def noted_waits(self, but_of: str) -> Sequence[NotedWait]:
        """See the port."""
        now, sagas = self._now(), self._sagas
        return [
            wait
            for saga_id, (owner, wait) in self._state.waits.items()
            if owner != but_of and self._is_alive(owner, now) and saga_id in sagas and sagas[saga_id].owner == owner
        ]

    async def woken(self) -> Woken:
        """See the port."""
        return await self._wakes.take()

    async def ended(self, position: int, limit: int) -> EndedPage:
        """See the port. A position is the number of a saga."""
        later = [(kept.number, kept.record) for kept in self._sagas.values() if kept.number > position][:limit]
        return page_of([(number, r.saga_id, r.definition, r.status.value, r.ended_at) for number, r in later], limit)

    async def family(self, saga_id: str) -> list[str]:
        """See the port."""
        return sorted(each for each in self._sagas if each == saga_id or each.startswith(f"{saga_id}/"))

    async def delete_ended(self, saga_ids: Sequence[str]) -> list[str]:
        """See the port."""
        now, deleted = self._now(), []
        for saga_id in saga_ids:
            members = [self._sagas[member] for member in await self.family(saga_id)]
            if members and all(kept.record.status in ENDED and kept.owner is None for kept in members):
                deleted.append(saga_id)
                for kept in members:
                    self._bury(kept.record, now)
        return deleted

    async def find_tombstone(self, saga_id: str) -> Tombstone | None:
        """See the port."""
        return self._tombstones.get(tombstone_key(saga_id))

    async def tombstones(self, after: bytes, limit: int) -> list[Tombstone]:
        """See the port."""
        return [self._tombstones[key] for key in sorted(self._tombstones) if key > after][:limit]

    async def shrink(self) -> None:
        """See the port. The room is used again."""

    async def keep_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """See the port."""
        for tombstone in tombstones:
            self._tombstones.setdefault(tombstone.key, tombstone)

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

    async def take_portion(self, name: str, interval: int, number: int) -> int:
        """See the port."""
        now = self._now()
        first_at = max(self._quotas.get(name, now), now - interval * number)
        self._quotas[name] = first_at + interval * number
        return first_at - now

    async def close(self) -> None:
        """See the port."""
        if self._wakes in self._state.wakes:
            self._state.wakes.remove(self._wakes)

    def _tell(self, kind: Wake, saga_id: str = "") -> None:
        for wakes in self._state.wakes:
            if wakes is not self._wakes:
                wakes.add(kind, (saga_id,) if saga_id else ())

    def _bury(self, record: SagaRecord, now: int) -> None:
        assert record.ended_at is not None
        key = tombstone_key(record.saga_id)
        self._tombstones.setdefault(key, Tombstone(key, record.status, record.ended_at, now))
        del self._sagas[record.saga_id]

    async def _standing_of(self, saga_id: str) -> Standing | None:
        kept = self._sagas.get(saga_id)
        if kept is None:
            return None
        return Standing(kept.record.definition, kept.record.version, kept.record.status, kept.owner)

    def _mute(self, owner: str) -> None:
        """It is remembered, and counts as silent: a negative instant is before every other."""
        if owner in self._alive_until:
            self._alive_until[owner] = -abs(self._alive_until[owner])

    def _is_alive(self, owner: str | None, now: int) -> bool:
        return owner is not None and self._alive_until.get(owner, 0) > now

    def _write(self, append: Append) -> None:
        saga_id = append.saga_id
        if append.new is not None:
            if saga_id in self._sagas:
                raise saga_exists(append)
            if tombstone := self._tombstones.get(tombstone_key(saga_id)):
                raise saga_deleted(append, tombstone)
            if append.expected_sequence:
                raise new_and_not_empty(append)
            record = SagaRecord(
                saga_id=saga_id,
                definition=append.new.definition,
                version=append.new.version,
                status=append.status,
                digest=append.new.digest,
                started_at=append.new.started_at,
                ended_at=None,
                attributes=append.new.attributes,
                sequence=0,
            )
            self.note_started(record)
            self._state.started += 1
            self._sagas[saga_id] = _Kept(self._state.started, record, append.owner, append.token, [])
        kept = self._sagas.get(saga_id)
        if kept is None or (kept.owner, kept.token) != (append.owner, append.token):
            raise claim_lost(append)
        if kept.record.sequence != append.expected_sequence:
            raise sequence_conflict(append, kept.record.sequence)
        kept.entries.extend(append.entries)
        before, kept.cause = kept.record, append.cause or kept.cause
        kept.record = replace(
            kept.record,
            status=append.status,
            ended_at=append.ended_at,
            sequence=len(kept.entries),
            wake_at=append.wake_at if append.status is Status.WAITING else None,
            turn_at=append.turn_at if append.status is Status.WAITING else None,
            cause=kept.cause if append.status in CAUSED else None,
        )
        self.note_moved(before, kept.record)
        self.tell(append.outbox)
        if append.status not in CLAIMABLE:
            kept.owner = None


def _is_served(record: SagaRecord, served: Served | None) -> bool:
    return served is None or (record.definition, record.version) in served


def _claim(kept: _Kept, owner: str) -> Claim:
    kept.owner = owner
    kept.token += 1
    return Claim(kept.record.saga_id, kept.token)
