"""The outbox in lists: for a store in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import nsmallest
from typing import TYPE_CHECKING

from orchestrator.ports.outbox import KeptEvent, SinkAct, SinkClaim, SinkRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.outbox import BlockedSaga, DeadLetter, SinkProgress


@dataclass(slots=True)
class SinkState:
    """One sink."""

    position: int = 0
    owner: str | None = None
    token: int = 0
    alive_until: int = 0
    blocked: dict[str, BlockedSaga] = field(default_factory=dict)
    dead: dict[int, DeadLetter] = field(default_factory=dict)
    failing_since: int | None = None
    error: str = ""


@dataclass(slots=True)
class OutboxState:
    """The outbox of one store, for all handles on it: events by position, sinks by name."""

    newest: int = 0
    events: dict[int, OutboxEvent] = field(default_factory=dict)
    sinks: dict[str, SinkState] = field(default_factory=dict)
    acts: list[SinkAct] = field(default_factory=list)


class OutboxInMemory:
    """The :class:`~orchestrator.ports.outbox.Outbox` of a store, in dictionaries.

    Args:
        now: the store's clock.
        state: what other handles have too.
    """

    def __init__(self, now: Callable[[], int], state: OutboxState) -> None:
        self._outbox_clock = now
        self._outbox = state

    def tell(self, events: Sequence[OutboxEvent]) -> None:
        """Put events into the outbox, together with the entries that tell them."""
        for event in events:
            self._outbox.newest += 1
            self._outbox.events[self._outbox.newest] = event

    async def events(self, after: int, limit: int, saga_id: str = "", until: int | None = None) -> list[KeptEvent]:
        """See the port."""
        last = self._outbox.newest if until is None else min(until, self._outbox.newest)
        kept = self._outbox.events
        found = (KeptEvent(each, kept[each]) for each in range(after + 1, last + 1) if each in kept)
        wanted = [each for each in found if not saga_id or each.event.saga_id == saga_id]
        return wanted[:limit]

    async def position_at(self, instant: int) -> int:
        """See the port."""
        later = (position for position, event in self._outbox.events.items() if event.at >= instant)
        return min(later, default=self._outbox.newest + 1) - 1

    async def sinks(self) -> list[SinkRecord]:
        """See the port."""
        return [self._record(name, sink) for name, sink in sorted(self._outbox.sinks.items())]

    async def dead_letters(self, sink: str, after: int, limit: int) -> list[DeadLetter]:
        """See the port."""
        known = self._outbox.sinks.get(sink, SinkState())
        return [known.dead[position] for position in sorted(known.dead) if position > after][:limit]

    async def claim_sink(self, sink: str, owner: str, lease: int) -> SinkClaim | None:
        """See the port."""
        now, known = self._outbox_clock(), self._outbox.sinks.setdefault(sink, SinkState())
        if known.owner != owner or known.alive_until <= now:
            if known.alive_until > now:
                return None
            known.token += 1
        known.owner, known.alive_until = owner, now + lease
        retried = [known.dead[position] for position in sorted(known.dead) if known.dead[position].due_at is not None]
        return SinkClaim(known.token, known.position, now, bool(known.blocked), retried)

    async def blocked_sagas(self, sink: str, saga_ids: Collection[str]) -> list[BlockedSaga]:
        """See the port."""
        known = self._outbox.sinks.get(sink, SinkState())
        return [known.blocked[each] for each in saga_ids if each in known.blocked]

    async def waiting_sagas(self, sink: str, due: int, limit: int) -> list[BlockedSaga]:
        """See the port."""
        known = self._outbox.sinks.get(sink, SinkState())
        waiting = [each for each in known.blocked.values() if each.due_at <= due]
        return nsmallest(limit, waiting, key=lambda each: (each.attempts > 0, each.due_at, each.position))

    async def note_progress(self, sink: str, token: int, progress: SinkProgress) -> bool:
        """See the port."""
        known = self._outbox.sinks.get(sink)
        if known is None or known.token != token:
            return False
        known.position, known.failing_since, known.error = progress.position, progress.failing_since, progress.error
        known.blocked.update((each.saga_id, each) for each in progress.blocked)
        for saga_id in progress.freed:
            known.blocked.pop(saga_id, None)
        known.dead.update((each.position, each) for each in progress.dead)
        for position in progress.revived:
            known.dead.pop(position, None)
        return True

    async def release_sink(self, sink: str, owner: str) -> None:
        """See the port."""
        known = self._outbox.sinks.get(sink)
        if known is not None and known.owner == owner:
            known.owner, known.alive_until = None, 0

    async def sink_acts(self, sink: str, limit: int) -> list[SinkAct]:
        """See the port."""
        return [act for act in reversed(self._outbox.acts) if act.sink == sink][:limit]

    async def note_sink_act(self, sink: str, act: str, requested_by: str) -> None:
        """See the port."""
        self._outbox.acts.append(SinkAct(sink, self._outbox_clock(), act, requested_by))

    async def replay(self, sink: str, position: int) -> bool:
        """See the port."""
        known = self._outbox.sinks.get(sink)
        if known is None:
            return False
        known.position = min(position, self._outbox.newest)
        known.owner, known.alive_until = None, 0
        known.token += 1
        known.blocked = {each.saga_id: each for each in known.blocked.values() if each.position <= known.position}
        known.dead = {each: known.dead[each] for each in known.dead if each <= known.position}
        return True

    async def retry_dead_letters(self, sink: str, positions: Sequence[int]) -> int:
        """See the port."""
        known, now = self._outbox.sinks.get(sink, SinkState()), self._outbox_clock()
        named = [each for each in known.dead if not positions or each in positions]
        known.dead.update((each, known.dead[each]._replace(due_at=now)) for each in named)
        return len(named)

    async def forget_sink(self, sink: str) -> bool:
        """See the port."""
        return self._outbox.sinks.pop(sink, None) is not None

    async def keep_events(self, events: Sequence[OutboxEvent]) -> None:
        """See the port."""
        self.tell(events)

    async def delete_events(self, before: int, limit: int) -> int:
        """See the port."""
        sinks = self._outbox.sinks.values()
        told = min((sink.position for sink in sinks), default=self._outbox.newest)
        old = [each for each, event in self._outbox.events.items() if each <= told and event.at < before]
        free = [each for each in old if not any(self._is_wanted(sink, each) for sink in sinks)][:limit]
        for position in free:
            del self._outbox.events[position]
        return len(free)

    def _is_wanted(self, sink: SinkState, position: int) -> bool:
        blocked = sink.blocked.get(self._outbox.events[position].saga_id)
        return position in sink.dead or (blocked is not None and blocked.position <= position)

    def _record(self, name: str, sink: SinkState) -> SinkRecord:
        later = (position for position in self._outbox.events if position > sink.position)
        oldest = min(later, default=None)
        return SinkRecord(
            name,
            sink.position,
            sink.owner,
            sink.alive_until,
            self._outbox.newest - sink.position,
            None if oldest is None else self._outbox.events[oldest].at,
            len(sink.blocked),
            len(sink.dead),
            sink.failing_since,
            sink.error,
        )
