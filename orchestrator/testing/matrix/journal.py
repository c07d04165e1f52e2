"""The journal that the orchestrators of one rehearsal share: writes take time, and the dead do not write.

It is the journal in memory of :mod:`orchestrator.store`, which passes the conformance suite of all journals, and not a
second one: a matrix on a journal of its own would say little about sagas on ours. For this ``testing`` lies on a
floor above ``store``, and not beside it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from orchestrator.journal.entries import CommandIntended
from orchestrator.journal.fold import fold
from orchestrator.journal.state import UNFINISHED, SagaState
from orchestrator.store.memory import MemoryJournal
from orchestrator.testing.matrix.scenario import INTENT_DURABLE

if TYPE_CHECKING:
    from orchestrator.ports.claims import Claim
    from orchestrator.ports.journal import Append
    from orchestrator.testing.matrix.scenario import Script

_WRITE_SECONDS: Final = 0.001
_HELD_SECONDS: Final = 0.05


class SharedJournal(MemoryJournal):
    """A journal in memory that knows who is dead.

    Args:
        script: is told when an intent is durable, before whoever wrote it is.

    Attributes:
        dead: the owners whose processes were killed: nothing reaches the journal from them, nor them from it.
        at_rest: set once a saga has ended or is suspended.
    """

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.dead: set[str] = set()
        self.at_rest = asyncio.Event()
        self._script = script
        self._to_write: deque[tuple[Append, asyncio.Future[None]]] = deque()
        self._to_tell: deque[tuple[str, asyncio.Future[None], asyncio.Future[None]]] = deque()
        self._told_at = 0.0

    def append(self, append: Append) -> asyncio.Future[None]:
        """See the port. The future is done a moment later; one of the dead never is."""
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        # Timers that are due at once run in any order; what they find here is in that of the appends.
        self._to_write.append((append, written))
        loop.call_later(_WRITE_SECONDS, self._write_oldest)
        return written

    async def heartbeat(self, owner: str, now: int, lease: int) -> None:
        """See the port."""
        await self.unless_dead(owner)
        await super().heartbeat(owner, now, lease)

    async def claim_unfinished(self, owner: str, now: int, limit: int) -> list[Claim]:
        """See the port."""
        await self.unless_dead(owner)
        return await super().claim_unfinished(owner, now, limit)

    async def state(self, saga_id: str) -> SagaState:
        """The state to which the durable entries lead."""
        return fold(saga_id, await self.read(saga_id))

    async def unless_dead(self, owner: str) -> None:
        """Go on where this owner lives; the dead learn nothing."""
        if owner in self.dead:
            await asyncio.get_running_loop().create_future()

    def _write_oldest(self) -> None:
        append, written = self._to_write.popleft()
        if append.owner in self.dead:
            return
        done = super().append(append)
        if done.exception() is None and append.status not in UNFINISHED:
            self.at_rest.set()
        intents = [entry.key for entry in append.entries if isinstance(entry, CommandIntended)]
        held = [key for key in intents if self._script.reach(INTENT_DURABLE, key)]
        loop = asyncio.get_running_loop()
        # Whoever is held holds those behind it, too.
        self._told_at = max(self._told_at, loop.time() + (_HELD_SECONDS if held else 0.0))
        self._to_tell.append((append.owner, done, written))
        loop.call_at(self._told_at, self._tell_oldest)

    def _tell_oldest(self) -> None:
        owner, done, written = self._to_tell.popleft()
        if owner in self.dead or written.cancelled():
            return
        if error := done.exception():
            written.set_exception(error)
        else:
            written.set_result(None)
