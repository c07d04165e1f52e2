r"""Tells one sink the events of the outbox: at least once each, and those of one saga in their order.

Purpose: what was told durably reaches the sink, whatever dies. Invariant: the position that the outbox keeps for the
sink passes no event that was neither taken nor noted as one that waits, or as a dead letter. It is written after the
deliveries; so what a relay that dies has told since, the next one tells again, with the same ids.

::

    another one has the claim ──lapses──▶ claimed ──▶ round ──┬─ read on: the next events, in lanes of one saga each
        ▲                                    ▲                ├─ those of blocked sagas that are due again
        │                                    │                ├─ dead letters that somebody wants to be tried again
        └── the claim is lost, or released ──┴── noted ◀──────┘

While the sink takes nothing, a round tells one event of these, in turns, to see whether it takes something again.

A lane that takes longer than a moment goes on beside the next rounds, and its saga counts as blocked until then; so an
event that the sink is slow to take, or does not take, holds up its own saga alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalError
from orchestrator.events.claimed import ClaimedSink
from orchestrator.events.failing import SinkHealth
from orchestrator.events.lane_ends import LaneEnds
from orchestrator.events.lanes import Lane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.events.lanes import LaneEnd
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.outbox import BlockedSaga, DeadLetter, KeptEvent, Outbox
    from orchestrator.ports.sink import NotTaken, Sink

_log = logging.getLogger(__name__)

_SECOND: Final = 1_000_000_000
_PAGE: Final = 200
_MOST_RUNNING: Final = 2_000
_MOST_TRIED_AGAIN: Final = 1_000
"""Of those, so that what waits leaves room for what is new."""
_EVER: Final = 2**63 - 1
_KINDS_OF_PROBES: Final = 3
_MOMENT_SECONDS: Final = 1.0
_SHORTEST_IDLE_SECONDS: Final = 0.05
_LONGEST_IDLE_SECONDS: Final = 1.0
_TROUBLED_SECONDS: Final = 1.0


class Relay:
    """Tells one sink.

    Args:
        outbox: the events, and how far the sink was told.
        sink: whom to tell.
        clock: the time.
        owner: this replica's name.
        lease: seconds after which another one may go on when this one falls silent.
        give_up_after: seconds from its first failure on, after which an event becomes a dead letter.

    Attributes:
        told: how many events the sink has taken from here, repeated ones counted again.
        failures: how many deliveries have failed.
    """

    def __init__(
        self, outbox: Outbox, sink: Sink, clock: Clock, *, owner: str, lease: float, give_up_after: float
    ) -> None:
        self._outbox = outbox
        self._sink = sink
        self._clock = clock
        self._owner = owner
        # Long enough that no delivery outlasts the claim, should the next renewal fail.
        self._lease = int(max(lease, 3 * sink.timeout) * _SECOND)
        self._give_up_after = give_up_after
        self._health = SinkHealth()
        self._room = asyncio.Semaphore(sink.most_at_once)
        self._closing = False
        self._woken = asyncio.Event()
        self._idle_seconds = _SHORTEST_IDLE_SECONDS
        self._probes = 0
        self._task: asyncio.Task[None] | None = None
        self.told = self.failures = 0

    @property
    def name(self) -> str:
        """The sink's."""
        return self._sink.name

    def open(self) -> None:
        """Begin."""
        self._task = asyncio.ensure_future(self._run())

    def wake(self) -> None:
        """There is something to tell."""
        self._idle_seconds = _SHORTEST_IDLE_SECONDS
        self._woken.set()

    async def close(self, seconds: float) -> None:
        """Tell what is there, for up to so many seconds, and let another replica have the sink."""
        self._closing = True
        self._woken.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
            self._task.cancel()
            await asyncio.wait([self._task])
        with contextlib.suppress(JournalError):
            await self._outbox.release_sink(self.name, self._owner)
        await self._sink.close()

    async def _run(self) -> None:
        while True:
            pause = _TROUBLED_SECONDS
            try:
                since = self._clock.elapsed()
                claim = await self._outbox.claim_sink(self.name, self._owner, self._lease)
                if claim is not None:
                    await self._tell_while_claimed(ClaimedSink(claim, since, self._lease))
                    pause = 0.0
            except JournalError as error:
                _log.info("events for %s wait until the journal can be used again: %s", self.name, error)
            except Exception:  # noqa: BLE001 - whatever it is, events may not stop for ever
                _log.critical("the relay to %s failed in a way that was not foreseen", self.name, exc_info=True)
            if self._closing:
                return
            await self._clock.sleep(pause)

    async def _tell_while_claimed(self, claimed: ClaimedSink) -> None:
        """Round after round, until the claim is lost, or nothing is left and the process ends."""
        try:
            goes_on = True
            while goes_on:
                since = self._clock.elapsed()
                if since >= claimed.renew_at:
                    claim = await self._outbox.claim_sink(self.name, self._owner, self._lease)
                    if not claimed.renew(claim, since, self._lease):
                        return
                goes_on = await self._round(claimed)
        finally:
            for _, task in claimed.running.values():
                task.cancel()

    async def _round(self, claimed: ClaimedSink) -> bool:
        """Tell what can be told now; whether there is to be another round."""
        self._woken.clear()
        if self._health.failing_since is None:
            read = await self._read_on(claimed)
            await self._try_again(claimed, read)
        else:
            read = await self._probe(claimed)
        tasks = [task for _, task in claimed.running.values()]
        if not tasks and read == claimed.position:
            if self._closing:
                return False
            await self._idle(claimed)
            return True
        self._idle_seconds = _SHORTEST_IDLE_SECONDS
        if tasks:
            await asyncio.wait(tasks, timeout=_MOMENT_SECONDS)
        if read == claimed.position and not any(task.done() for task in tasks):
            return True
        ends = LaneEnds(self._outbox, self._clock, self._health, self._give_up_after, read)
        progress = await ends.gather(claimed)
        if not await self._outbox.note_progress(self.name, claimed.token, progress):
            return False
        claimed.noted(progress)
        return True

    async def _idle(self, claimed: ClaimedSink) -> None:
        """Wait until there may be something to do."""
        until_try = self._health.seconds_to_try(self._clock.now())
        until_renewal = (claimed.renew_at - self._clock.elapsed()) / _SECOND
        seconds = max(self._idle_seconds, min(until_try, until_renewal))
        self._idle_seconds = min(2 * self._idle_seconds, _LONGEST_IDLE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    async def _read_on(self, claimed: ClaimedSink, *, probes: bool = False) -> int:
        """Begin to tell the next events, or one; the position of the last that was read.

        Those of blocked sagas wait for others of theirs, and what the sink does not want is passed over.
        """
        if len(claimed.running) >= _MOST_RUNNING:
            return claimed.position
        read = claimed.position
        page = await self._outbox.events(claimed.position, _PAGE)
        blocked = await self._blocked_among(claimed, page)
        lanes: dict[str, list[KeptEvent]] = {}
        for kept in page:
            if probes and lanes:
                break
            read = kept.position
            if kept.event.saga_id not in blocked and self._sink.wants(kept.event.type):
                lanes.setdefault(kept.event.saga_id, []).append(kept)
        for saga_id, events in lanes.items():
            self._begin(claimed, saga_id, Lane(saga_id, events), probes=probes)
        return read

    async def _blocked_among(self, claimed: ClaimedSink, page: Sequence[KeptEvent]) -> set[str]:
        """The sagas of these events that are blocked."""
        sagas = {kept.event.saga_id for kept in page}
        if not sagas or not claimed.has_blocked:
            return set()
        return {each.saga_id for each in await self._outbox.blocked_sagas(self.name, sagas)}

    async def _waiting(self, claimed: ClaimedSink, due: int, limit: int) -> list[BlockedSaga]:
        """Blocked sagas of which nothing is under way, and that are due by an instant."""
        if not claimed.has_blocked or limit <= 0:
            return []
        found = await self._outbox.waiting_sagas(self.name, due, limit + len(claimed.running))
        return [each for each in found if each.saga_id not in claimed.running][:limit]

    async def _try_again(self, claimed: ClaimedSink, read: int) -> None:
        """Begin to tell once more what was not taken, and is due."""
        room = min(_PAGE, _MOST_TRIED_AGAIN - len(claimed.running))
        for blocked in await self._waiting(claimed, self._clock.now(), room):
            await self._tell_blocked(claimed, blocked, _PAGE, read)
        for letter in claimed.waiting_letters():
            await self._tell_letter(claimed, letter)

    async def _probe(self, claimed: ClaimedSink) -> int:
        """Begin to tell one event, to see whether the sink takes something; the position of the last that was read.

        An event that was not told yet, one that waits, and a dead letter have turns: where the fault lies in those that
        wait, only another one can show that.
        """
        read = claimed.position
        if claimed.running or not self._health.may_try(self._clock.now()):
            return read
        for _ in range(_KINDS_OF_PROBES):
            self._probes += 1
            turn = self._probes % _KINDS_OF_PROBES
            if turn == 1:
                read = await self._read_on(claimed, probes=True)
            elif turn == 2:  # noqa: PLR2004 - of three
                for blocked in await self._waiting(claimed, _EVER, 1):
                    await self._tell_blocked(claimed, blocked, 1, read, probes=True)
            else:
                for letter in claimed.waiting_letters()[:1]:
                    await self._tell_letter(claimed, letter, probes=True)
            if claimed.running:
                break
        return read

    async def _tell_blocked(
        self, claimed: ClaimedSink, blocked: BlockedSaga, most: int, read: int, *, probes: bool = False
    ) -> None:
        events = await self._outbox.events(blocked.position - 1, most, blocked.saga_id, read)
        claimed.blocked[blocked.saga_id] = blocked
        self._begin(claimed, blocked.saga_id, Lane(blocked.saga_id, events), blocked, probes=probes)

    async def _tell_letter(self, claimed: ClaimedSink, letter: DeadLetter, *, probes: bool = False) -> None:
        events = await self._outbox.events(letter.position - 1, 1, until=letter.position)
        self._begin(claimed, letter.position, Lane(letter.saga_id, events, letter=True), letter, probes=probes)

    def _begin(
        self,
        claimed: ClaimedSink,
        key: str | int,
        lane: Lane,
        before: BlockedSaga | DeadLetter | None = None,
        *,
        probes: bool = False,
    ) -> None:
        """Tell the events of a lane, while the claim lasts and the sink takes something, or to see whether it does.

        Args:
            claimed: the claim.
            key: of the lane among those under way.
            lane: the events.
            before: what has become of the first of them before.
            probes: the sink takes nothing, as far as is known.
        """

        def may_tell() -> bool:
            lasts = self._clock.elapsed() + self._sink.timeout * _SECOND < claimed.until
            return lasts and (probes or self._health.failing_since is None)

        def note(event: KeptEvent, failure: NotTaken | None) -> None:
            now = self._clock.now()
            if failure is None:
                self.told += 1
                self._health.note_taken(now)
            else:
                self.failures += 1
                is_known = before is not None and before.position == event.position and before.attempts > 0
                since = before.first_failed_at if before is not None and is_known else now
                self._health.note_failed(lane.saga_id, failure, now, since)

        task: asyncio.Task[LaneEnd] = asyncio.ensure_future(lane.tell(self._sink, self._room, may_tell, note))
        claimed.running[key] = lane, task
