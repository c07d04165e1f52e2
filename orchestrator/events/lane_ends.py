"""What follows from how far lanes have come: who is blocked, who is free, what is given up.

Invariant: as long as a saga has an event that was read and not taken, and not given up, the saga is blocked.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from orchestrator.events.failing import is_given_up, pause_before
from orchestrator.ports.outbox import BlockedSaga, DeadLetter, SinkProgress

if TYPE_CHECKING:
    from orchestrator.events.claimed import ClaimedSink
    from orchestrator.events.failing import SinkHealth
    from orchestrator.events.lanes import Lane, LaneEnd
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.outbox import KeptEvent, OutboxReader
    from orchestrator.ports.sink import NotTaken

_log = logging.getLogger(__name__)

_SECOND: Final = 1_000_000_000


class LaneEnds:
    """Gathers what is to be written down after one round.

    Args:
        outbox: tells whether a saga has further events.
        clock: the time.
        health: of the sink.
        give_up_after: seconds from its first failure on, after which an event becomes a dead letter.
        read: the position up to which events have been read.
    """

    def __init__(self, outbox: OutboxReader, clock: Clock, health: SinkHealth, give_up_after: float, read: int) -> None:
        self._outbox = outbox
        self._clock = clock
        self._health = health
        self._give_up_after = give_up_after
        self._read = read
        self._blocked: list[BlockedSaga] = []
        self._freed: list[str] = []
        self._dead: list[DeadLetter] = []
        self._revived: list[int] = []

    async def gather(self, claimed: ClaimedSink) -> SinkProgress:
        """Take the lanes that have ended from the claim; what is to be written down of all of them."""
        for key, (lane, task) in list(claimed.running.items()):
            if task.done():
                del claimed.running[key]
            if lane.letter:
                if task.done():
                    self._note_letter(claimed.letters[lane.events[0].position], task.result())
                continue
            before = claimed.blocked.get(lane.saga_id)
            if task.done():
                after = await self._after(lane, task.result(), before)
            else:
                after = self._waiting(lane.saga_id, lane.next_position, before)
            if after is None and before is not None:
                self._freed.append(lane.saga_id)
            elif after is not None and after != before:
                self._blocked.append(after)
        health = self._health
        noted = self._blocked, self._freed, self._dead, self._revived
        return SinkProgress(self._read, *noted, health.failing_since, health.error)

    async def _after(self, lane: Lane, end: LaneEnd, before: BlockedSaga | None) -> BlockedSaga | None:
        """What a saga waits for once its lane has ended; ``None`` where it waits for nothing."""
        if end.failed is not None:
            event, failure = end.failed
            blocked = self._failed(event, failure, before if end.taken == 0 else None)
            if not is_given_up(blocked, failure, self._clock.now(), self._give_up_after, self._health):
                return blocked
            self._bury(blocked)
            last = event.position
        elif end.taken < len(lane.events):  # nothing more was to be told
            return self._waiting(lane.saga_id, lane.next_position, before)
        else:
            last = lane.events[-1].position
        following = await self._outbox.events(last, 1, lane.saga_id, self._read)
        return self._waiting(lane.saga_id, following[0].position, None) if following else None

    def _waiting(self, saga_id: str, position: int, before: BlockedSaga | None) -> BlockedSaga:
        """A saga whose next event is to be told as soon as can be."""
        if before is not None and before.position == position:
            return before
        now = self._clock.now()
        return BlockedSaga(saga_id, position, 0, now, now, "")

    def _failed(self, event: KeptEvent, failure: NotTaken, before: BlockedSaga | None) -> BlockedSaga:
        now = self._clock.now()
        attempts = 1 if before is None else before.attempts + 1
        since = before.first_failed_at if before is not None and before.attempts else now
        due_at = now + int(pause_before(attempts + 1, failure) * _SECOND)
        return BlockedSaga(event.event.saga_id, event.position, attempts, since, due_at, failure.error)

    def _bury(self, blocked: BlockedSaga) -> None:
        _log.error("event %s of saga %s is given up: %s", blocked.position, blocked.saga_id, blocked.error)
        now = self._clock.now()
        about = blocked.position, blocked.saga_id, blocked.attempts, blocked.first_failed_at
        self._dead.append(DeadLetter(*about, now, blocked.error))

    def _note_letter(self, letter: DeadLetter, end: LaneEnd) -> None:
        if end.failed is not None:
            error = end.failed[1].error
            self._dead.append(letter._replace(attempts=letter.attempts + 1, error=error, due_at=None))
        elif end.taken:
            self._revived.append(letter.position)
