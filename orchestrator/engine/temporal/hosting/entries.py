"""The journal of one saga while a workflow hosts it: in memory, and part by part in the history.

Invariant: an entry goes into the history once, and with what depends on it or before that.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Final

from orchestrator.engine.temporal.names import MOST_TOGETHER_BYTES
from orchestrator.engine.temporal.wire import write_delta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.engine.temporal.hosting.outgoing import Outgoing
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.journal import Append

_DIGEST_DIGITS: Final = 32


class HostedEntries:
    """The entries of one saga: of the port of a journal, a run asks for nothing but to append.

    Args:
        entries: those that there are, all of them in the history.
        outbox: what they tell others.
        appended: called after each append.
        outgoing: what the workflow hands to the server.

    Attributes:
        entries: as given, and all that were appended.
        outbox: likewise.
        flushed: how many entries are in the history.
    """

    def __init__(
        self, entries: list[Entry], outbox: list[OutboxEvent], appended: Callable[[], None], outgoing: Outgoing
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._digest = hashlib.sha256()
        self._appended = appended
        self._outgoing = outgoing
        self._flushing = asyncio.Lock()
        self.entries = entries
        self.outbox = outbox
        self.flushed = len(entries)

    def append(self, append: Append) -> asyncio.Future[None]:
        """Keep the entries. They are in the history before anything is sent: they go with it."""
        self.entries += append.entries
        for entry in append.entries:
            _add(self._digest, (type(entry).__name__, *entry))
        self.outbox += append.outbox
        done: asyncio.Future[None] = self._loop.create_future()
        done.set_result(None)
        self._appended()
        return done

    @property
    def are_flushed(self) -> bool:
        """All of them are in the history."""
        return self.flushed == len(self.entries)

    def digest(self, *parts: str | bytes) -> str:
        """What tells whether the code has come to here as it did before, with these parts of what it asks for.

        Args:
            parts: none of them an instant, as none is counted in that the entries bring.
        """
        whole = self._digest.copy()
        _add(whole, parts)
        return whole.hexdigest()[:_DIGEST_DIGITS]

    async def flush(self, beside: int = 0, most: int = MOST_TOGETHER_BYTES) -> bytes:
        """The entries that are not in the history yet, to be put there at once; empty where they had to go before.

        Args:
            beside: how many other bytes go along.
            most: so many may go together.
        """
        async with self._flushing:
            until = len(self.entries)
            delta = write_delta(self.flushed, self.entries[self.flushed : until])
            delta = await self._outgoing.carry(delta, beside, most)
            self.flushed = until
            return delta

    async def flush_whole(self, most: int) -> bytes:
        """The whole journal, where it has so few bytes; else as :meth:`flush`. Then a reader need not ask for it."""
        whole = write_delta(0, self.entries)
        if len(whole) > most:
            return await self.flush()
        self.flushed = len(self.entries)
        return whole


def _add(digest: hashlib._Hash, parts: Iterable[object]) -> None:
    """Add to a digest what of these parts is text or bytes."""
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        if isinstance(data, bytes):
            digest.update(len(data).to_bytes(8, "big") + data)
