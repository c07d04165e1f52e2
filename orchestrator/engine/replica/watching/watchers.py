"""Who wants to know when a saga changes; what changes it elsewhere, ``elsewhere`` notices."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.engine.run.journal_writer import SagaWriter
    from orchestrator.journal.state import SagaState


class Feed:
    """The sagas that have changed and were not looked at since, each once: a slow reader misses no saga."""

    def __init__(self) -> None:
        self._changed: dict[str, SagaState | None] = {}
        self._any = asyncio.Event()

    def tell(self, saga_id: str, rests: SagaState | None = None) -> None:
        """The saga has changed. Where it rests now, in this state, its watchers need not read its journal."""
        self._changed[saga_id] = rests
        self._any.set()

    async def take(self) -> dict[str, SagaState | None]:
        """Wait until sagas have changed; those that have, each with its state where it rests."""
        while not self._changed:
            self._any.clear()
            await self._any.wait()
        changed, self._changed = self._changed, {}
        return changed


class Watchers:
    """Wakes the watchers of a saga after each of its entries. A saga without watchers pays nothing."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}
        self._writers: dict[str, SagaWriter] = {}
        self._feeds: set[Feed] = set()

    @contextlib.contextmanager
    def feeding(self) -> Iterator[Feed]:
        """Within, the feed tells of every saga that changes."""
        feed = Feed()
        self._feeds.add(feed)
        self._connect_all()
        try:
            yield feed
        finally:
            self._feeds.discard(feed)
            self._connect_all()

    @contextlib.contextmanager
    def watching(self, saga_id: str) -> Iterator[asyncio.Event]:
        """Within, the event is set after each change of the saga."""
        changed = asyncio.Event()
        self._events.setdefault(saga_id, set()).add(changed)
        self._connect(saga_id)
        try:
            yield changed
        finally:
            events = self._events[saga_id]
            events.discard(changed)
            if not events:
                del self._events[saga_id]
                self._connect(saga_id)

    def attach(self, writer: SagaWriter) -> None:
        """The saga's entries come from this writer now."""
        saga_id = writer.state.saga_id
        self._writers[saga_id] = writer
        self._connect(saga_id)

    def detach(self, writer: SagaWriter, *, rests: bool) -> None:
        """No more entries come from this writer.

        Args:
            writer: of the saga.
            rests: all that it has recorded is durable, and the saga has ended or is suspended.
        """
        saga_id = writer.state.saga_id
        if self._writers.get(saga_id) is writer:
            del self._writers[saga_id]
            self.notify(saga_id, writer.state if rests else None)
        else:
            self.notify(saga_id)

    def _connect_all(self) -> None:
        for saga_id in self._writers:
            self._connect(saga_id)

    def _connect(self, saga_id: str) -> None:
        writer = self._writers.get(saga_id)
        if writer is not None:
            writer.on_change = self._notifier(saga_id) if self._feeds or saga_id in self._events else None

    def _notifier(self, saga_id: str) -> Callable[[], None]:
        return lambda: self.notify(saga_id)

    def notify(self, saga_id: str, rests: SagaState | None = None) -> None:
        """Wake the watchers of a saga that has changed; where it rests now, in this state."""
        for changed in self._events.get(saga_id, ()):
            changed.set()
        for feed in self._feeds:
            feed.tell(saga_id, rests)
