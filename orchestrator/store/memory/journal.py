"""A journal in memory: for tests, and for trying a saga out. Nothing survives the process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError
from orchestrator.journal.entries import SagaStarted
from orchestrator.journal.state import CAUSED, CLAIMABLE, ENDED, Status
from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord
from orchestrator.ports.journal import Moving
from orchestrator.ports.retention import Tombstone, tombstone_key
from orchestrator.ports.wakes import Wake
from orchestrator.store.append_refusals import (
    claim_lost,
    new_and_not_empty,
    saga_deleted,
    saga_exists,
    sequence_conflict,
)
from orchestrator.store.gathered_wakes import GatheredWakes
from orchestrator.store.memory.bulk_acts import BulkActsInMemory, BulkState
from orchestrator.store.memory.claims import ClaimsInMemory, Kept
from orchestrator.store.memory.figures import FiguresInMemory
from orchestrator.store.memory.outbox import OutboxInMemory, OutboxState
from orchestrator.store.memory.requests import RequestsInMemory, Standing
from orchestrator.store.memory.retention import RetentionInMemory
from orchestrator.store.memory.schedules import SchedulesInMemory, SchedulesState
from orchestrator.store.paging import decode_page_token, encode_page_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.journal import Append
    from orchestrator.ports.noted_waits import NotedWait
    from orchestrator.ports.requested_acts import RequestedAct
    from orchestrator.ports.wakes import Woken
    from orchestrator.store.rows.figure_tally import Tally


@dataclass(slots=True)
class MemoryState:
    """All that one store in memory holds, for all handles on it."""

    started: int = 0
    sagas: dict[str, Kept] = field(default_factory=dict)
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


class MemoryJournal(
    ClaimsInMemory,
    RetentionInMemory,
    RequestsInMemory,
    SchedulesInMemory,
    BulkActsInMemory,
    FiguresInMemory,
    OutboxInMemory,
):
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
        self._wakes = GatheredWakes()
        self._wakes.add_all()
        state.wakes.append(self._wakes)
        self._quotas = state.quotas
        ClaimsInMemory.__init__(self, now, state.sagas, state.alive_until, lambda: self._tell(Wake.CLAIMABLE))
        RetentionInMemory.__init__(self, now, state.sagas, state.tombstones)
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

    async def _standing_of(self, saga_id: str) -> Standing | None:
        kept = self._sagas.get(saga_id)
        if kept is None:
            return None
        return Standing(kept.record.definition, kept.record.version, kept.record.status, kept.owner)

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
            self._sagas[saga_id] = Kept(self._state.started, record, append.owner, append.token, [])
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
