r"""What ``WatchSagas`` tells: every change is made into a message once, for all readers.

Purpose: readers cost the sagas next to nothing. One task asks the engine for changes and puts a view of each into a
ring, which all readers share; each reader has a place in it, and no more. Invariant: a reader is told of every change,
or of how many it was not told.

::

    engine ──change──▶ view ──▶ ring: │ 17 │ 18 │ 19 │ 20 │ ◀── the next overwrites the oldest
                                        ▲         ▲
                             a slow reader       a quick one

To send a message costs more than to make a view, so all readers together are sent at most so many a second: with many
readers each sees fewer changes, and the sagas keep their time.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.api.views.saga_view import feed_view
from orchestrator.errors import Overloaded
from orchestrator.journal.state import Status
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from orchestrator.engine.sagas import Sagas, Waiting
    from orchestrator.journal.cause import Cause
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaFilter
    from orchestrator.ports.clock import Clock

_KEPT: Final = 4096
_MESSAGES_PER_SECOND: Final = 1000
_SEARCHED_AT_ONCE: Final = 256


class _Change(NamedTuple):
    """A saga after a change, for filters and for readers. The state itself goes on changing."""

    saga_id: str
    definition: str
    version: int
    status: Status
    started_at: int
    ended_at: int | None
    cause: Cause | None
    turn_at: int | None
    attributes: frozenset[tuple[str, str]]
    message: api.WatchSagasResponse

    @classmethod
    def of(cls, state: SagaState, waiting: Iterable[Waiting] = ()) -> _Change:
        assert state.status is not None
        message = api.WatchSagasResponse(saga=feed_view(state, waiting))
        attributes = frozenset(state.attributes)
        times = state.started_at, state.ended_at
        of = state.saga_id, state.definition, state.version, state.status
        return cls(*of, *times, state.cause, state.turn_at, attributes, message)


class SagaFeed:
    """The changes of an engine's sagas, for many readers.

    Args:
        sagas: the sagas.
        clock: how time passes.
        most: how many readers there may be.
        kept: how many changes a reader may be behind.

    Attributes:
        most: as given.
        readers: how many there are.
    """

    def __init__(self, sagas: Sagas, clock: Clock, most: int = 256, kept: int = _KEPT) -> None:
        self.most = most
        self.readers = 0
        self._sagas = sagas
        self._clock = clock
        self._ring: list[_Change | None] = [None] * kept
        self._told = 0
        self._latest: dict[str, int] = {}
        self._news = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    async def read(self, where: SagaFilter) -> AsyncIterator[api.WatchSagasResponse]:
        """Every change from now on that the filter matches, unless this reader is too slow for it.

        Raises:
            Overloaded: there are too many readers.
            JournalUnavailable: a saga could not be read.
        """
        with self._one_more():
            place, missed = self._told, 0
            while True:
                while place == self._told:
                    await self._wait()
                oldest = self._told - len(self._ring)
                if place < oldest:
                    missed += oldest - place
                    place = oldest
                change = self._ring[place % len(self._ring)]
                assert change is not None
                is_latest = self._latest[change.saga_id] == place
                place += 1
                if is_latest and where.matches(change):
                    yield _with(change.message, missed)
                    missed = 0
                    await self._clock.sleep(self.readers / _MESSAGES_PER_SECOND)
                elif not place % _SEARCHED_AT_ONCE:
                    await asyncio.sleep(0)

    def statistics(self) -> api.FeedStatistics:
        """How many read, as the API tells it."""
        return api.FeedStatistics(watchers=self.readers, most_watchers=self.most)

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[None]:
        if self.readers >= self.most:
            raise Overloaded("TOO_MANY_WATCHERS", f"{self.readers} watch the sagas of this replica; ask again later")
        self.readers += 1
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell())
        try:
            yield
        finally:
            self.readers -= 1
            if not self.readers:
                self._forget()

    async def _wait(self) -> None:
        """Wait for news.

        Raises:
            JournalUnavailable: there will be none.
        """
        telling = self._telling
        assert telling is not None
        if not telling.done():
            await self._news.wait()
        if telling.done():
            telling.result()

    def _forget(self) -> None:
        """Without readers the feed costs nothing."""
        assert self._telling is not None
        self._telling.cancel()
        self._telling = None
        self._ring = [None] * len(self._ring)
        self._latest.clear()

    async def _tell(self) -> None:
        try:
            async for state in self._sagas.watch_all():
                # What else a saga waits for changes without an entry, and so is not told here.
                waiting = self._sagas.waiting(state) if state.status is Status.WAITING else ()
                self._put(_Change.of(state, waiting))
        finally:
            asyncio.get_running_loop().call_soon(self._wake)  # when this task is done

    def _put(self, change: _Change) -> None:
        number, place = self._told, self._told % len(self._ring)
        overwritten = self._ring[place]
        if overwritten is not None and self._latest[overwritten.saga_id] == number - len(self._ring):
            del self._latest[overwritten.saga_id]
        self._ring[place] = change
        self._latest[change.saga_id] = number
        self._told += 1
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _with(message: api.WatchSagasResponse, missed: int) -> api.WatchSagasResponse:
    """The message, which others share, with what one reader has missed before it."""
    if not missed:
        return message
    own = api.WatchSagasResponse(missed=missed)
    own.saga.CopyFrom(message.saga)
    return own
