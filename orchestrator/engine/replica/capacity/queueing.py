r"""Queues the starts for which this replica has no room, and begins queued sagas as room comes.

Purpose: more starts than can be advanced are durable at once, and are advanced in their turn. Invariant: a queued saga
is begun once, by one replica; a start does not overtake a queued saga that this replica could begin in its place.

::

    start ──room, and it overtakes none──▶ live, as if there were no queue
      │ else
      ├──▶ queued: durable, no claim, nothing in memory ──its turn──▶ claimed ──▶ recovered, and so live
      │                     └──its deadline, or an act──▶ rolled back, or suspended
      └──▶ the queue is full: refused, and nothing is written

Who waits, the journal knows; this replica knows how many, as of a quarter of a second ago, and what it has queued
since. So a start asks the journal nothing but what it writes, and the limits hold but for that quarter of a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replica.capacity.turns import Turns
from orchestrator.errors import JournalError, Overloaded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.engine.replica.capacity.limits import Limits
    from orchestrator.engine.replica.capacity.room import Room
    from orchestrator.engine.replica.claiming.recovery import Recovery
    from orchestrator.ports.claims import Claim, Served
    from orchestrator.ports.clock import Clock, DelayedCall
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.queues import QueuedCount

_log = logging.getLogger(__name__)

_COUNT_SECONDS: Final = 0.25
"""For so long a count of the queue is good; and how often room is looked for while sagas are queued."""
_IDLE_SECONDS: Final = 1.0
"""How often a replica looks whether another one has queued something."""
_GATHER_SECONDS: Final = 0.02
"""For so long room is gathered, so that one claim is for many sagas."""
_MOST_AT_ONCE: Final = 200
_MANY: Final = 32
"""So many sagas that begin at once could overrun a participant."""


class Queueing:
    """The queue, as one replica has to do with it.

    Args:
        journal: where it is.
        clock: the time.
        owner: the replica's name.
        served: the definitions that it serves.
        limits: how much there may be.
        room: how much it has.
        recovery: begins what was claimed.
        on_many: called before many sagas are begun at once.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        owner: str,
        served: Served,
        limits: Limits,
        room: Room,
        recovery: Recovery,
        on_many: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._owner = owner
        # As for a recovery: where there can be no other replica, what is not served is suspended by this one.
        self._served = served if journal.shared else None
        self.limits = limits
        self.room = room
        self._recovery = recovery
        self._on_many = on_many
        self._turns = Turns(limits.weights)
        self._queued: Counter[str] = Counter()
        self._takable: Counter[str] = Counter()
        self._begun: Counter[str] = Counter()
        self._counted_at = 0
        self._counting: asyncio.Task[list[QueuedCount]] | None = None
        self._wake = asyncio.Event()
        self._hurrying: DelayedCall | None = None
        self._looking: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin queued sagas from now on."""
        self._wake.set()
        self._looking = asyncio.ensure_future(self._look())

    def close(self) -> None:
        """Begin none any more."""
        for each in (self._looking, self._hurrying):
            if each is not None:
                each.cancel()

    def must_wait(self, definition: str) -> bool:
        """Whether a saga of this definition is to be queued, and not begun."""
        if self.room.is_full(definition):
            return True
        return bool(self._takable) and self._overtakes(definition)

    async def reserve(self, definition: str) -> None:
        """Take a place in the queue.

        Raises:
            Overloaded: there is none.
            JournalUnavailable: it cannot be asked.
        """
        if self._is_stale:
            await self.count()
        most, total = self.limits.queued_of(definition), self._queued.total()
        if self._queued[definition] >= most:
            told = f"{most} sagas of {definition} are queued, as many as may be; ask again later"
            raise Overloaded("QUEUE_FULL", told)
        if total >= self.limits.queued:
            raise Overloaded("QUEUE_FULL", f"{total} sagas are queued, as many as may be; ask again later")
        self._note(definition, 1)

    def give_back(self, definition: str) -> None:
        """The place was not taken."""
        self._note(definition, -1)

    def note_begun(self, definition: str) -> None:
        """A queued saga is advanced here."""
        self._note(definition, -1)
        self._begun[definition] += 1

    def hurry(self) -> None:
        """Room has come, or something was queued here: look soon."""
        if self._takable and self._hurrying is None:
            self._hurrying = self._clock.call_after(_GATHER_SECONDS, self._look_now)

    async def count(self) -> list[QueuedCount]:
        """How many sagas are queued at all replicas. Those who ask at once share an answer.

        Raises:
            JournalUnavailable: it cannot be asked.
        """
        if self._counting is None:
            self._counting = asyncio.ensure_future(self._count())
            self._counting.add_done_callback(self._counted)
        return await asyncio.shield(self._counting)

    def _note(self, definition: str, number: int) -> None:
        self._queued[definition] = max(0, self._queued[definition] + number)
        self._set_takable(definition, self._takable[definition] + number)

    def _set_takable(self, definition: str, number: int) -> None:
        if number > 0:
            self._takable[definition] = number
        else:
            del self._takable[definition]

    def _overtakes(self, definition: str) -> bool:
        return definition in self._takable or any(self.room.own(each) for each in self._takable)

    def _look_now(self) -> None:
        self._hurrying = None
        self._wake.set()

    async def _count(self) -> list[QueuedCount]:
        counts = await self._journal.queued()
        self._counted_at = self._clock.now()
        self._queued, self._takable = Counter(), Counter()
        for each in counts:
            self._queued[each.definition] += each.number
            if self._served is None or (each.definition, each.version) in self._served:
                self._takable[each.definition] += each.number
        return counts

    def _counted(self, counting: asyncio.Task[list[QueuedCount]]) -> None:
        self._counting = None
        if not counting.cancelled():
            counting.exception()  # who asked is told, or has gone

    async def _look(self) -> None:
        while True:
            pause = self._pause
            call = None if pause is None else self._clock.call_after(pause, self._wake.set)
            await self._wake.wait()
            self._wake.clear()
            if call is not None:
                call.cancel()
            try:
                if self._is_stale:
                    await self.count()
                await self._begin_some()
            except JournalError as error:
                _log.debug("queued sagas cannot be looked for: %s", error)

    @property
    def _is_stale(self) -> bool:
        """The count is a while ago, or the clock was set back."""
        return not 0 <= self._clock.now() - self._counted_at < _COUNT_SECONDS * 1e9

    @property
    def _pause(self) -> float | None:
        """``None`` for ever: where there can be no other replica, nothing is queued but by this one."""
        if self._takable:
            return _COUNT_SECONDS
        return _IDLE_SECONDS if self._journal.shared or not self._counted_at else None

    async def _claim(self, wanted: Mapping[str, int]) -> list[Claim]:
        try:
            return await self._journal.claim_queued(self._owner, wanted, self._served)
        except JournalError:
            self._recovery.doubt()
            raise

    async def _begin_some(self) -> None:
        """Claim as many as there is room for, in their turn; but so many at once that others have theirs in between."""
        if self._recovery.under_way:
            return
        could = {each: min(number, self.room.own(each)) for each, number in self._takable.items()}
        wanted = self._turns.share(min(self.room.total, _MOST_AT_ONCE), could)
        if not wanted:
            return
        before = self._begun.copy()
        claims = await self._claim(wanted)
        if len(claims) >= _MANY:
            self._on_many()
        await self._recovery.take(claims)
        for definition, number in wanted.items():
            if self._begun[definition] - before[definition] < number:
                self._set_takable(definition, 0)  # the others were quicker, until the next count
        self.hurry()
