r"""Notices what other replicas do to sagas that are watched here.

Purpose: a watcher sees a saga change whichever replica advances it. Invariant: after every change there is a look that
notices it, as long as somebody watches; and where nobody watches, the journal is not asked.

::

    watched sagas that are not advanced here ──one query for all──▶ longer than before? ──▶ their watchers are woken
    watchers of all sagas ──one query: what others advance, and what has ended lately──▶ the feeds are told

The pause between two looks grows while nothing changes, and is short again after a change or a new watcher. It ends
when another replica tells of a change; but as long as somebody watches all sagas, whom every change concerns, it lasts
as long as when much changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replica.pause import Pause
from orchestrator.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterator

    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal, Moving

_log = logging.getLogger(__name__)

_LEAST_PAUSE_SECONDS: Final = 0.05
_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 2.0


class Elsewhere:
    """Looks for changes that other replicas make.

    Args:
        journal: where they make them.
        clock: the time.
        owner: this replica's name.
        live: the sagas that are advanced here: what changes them is known here.
        notify: called for each saga that has changed.
    """

    def __init__(
        self, journal: Journal, clock: Clock, owner: str, live: Container[str], notify: Callable[[str], None]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._owner = owner
        self._live = live
        self._notify = notify
        self._watched: dict[str, int] = {}
        self._lengths: dict[str, int] = {}
        self._feeds = 0
        self._moving: Moving | None = None
        self._rested_here: set[str] = set()
        self._seconds = _FIRST_PAUSE_SECONDS
        self._pause = Pause(clock)
        self._looking: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watching(self, saga_id: str) -> Iterator[None]:
        """Within, changes of this saga are noticed. The first look counts as a change: there may have been one."""
        self._watched[saga_id] = self._watched.get(saga_id, 0) + 1
        self._lengths.pop(saga_id, None)
        self._begin()
        try:
            yield
        finally:
            self._watched[saga_id] -= 1
            if not self._watched[saga_id]:
                del self._watched[saga_id]
                self._lengths.pop(saga_id, None)

    @contextlib.contextmanager
    def feeding(self) -> Iterator[None]:
        """Within, changes of all sagas are noticed, where there are other replicas."""
        if not self._journal.shared:
            yield
            return
        self._feeds += 1
        self._begin()
        try:
            yield
        finally:
            self._feeds -= 1
            if not self._feeds:
                self._moving = None
                self._rested_here.clear()

    def note_rest(self, saga_id: str) -> None:
        """The saga has ended or is suspended here: that is no news from elsewhere."""
        if self._feeds:
            self._rested_here.add(saga_id)

    def hurry(self, saga_ids: Collection[str]) -> None:
        """These sagas have changed; any, where none is named. Look soon, if one of them is watched."""
        if self._feeds or not saga_ids or not self._watched.keys().isdisjoint(saga_ids):
            self._pause.end()

    def _begin(self) -> None:
        self._seconds = _FIRST_PAUSE_SECONDS
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        while self._watched or self._feeds:
            least = _FIRST_PAUSE_SECONDS if self._feeds else _LEAST_PAUSE_SECONDS
            await self._clock.sleep(least)
            await self._pause.last(self._seconds - least)
            try:
                changed = await self._look_at_watched()
                if self._feeds:
                    changed += await self._look_at_all()
            except JournalError as error:
                _log.debug("what other replicas change cannot be looked for: %s", error)
                continue
            self._seconds = _FIRST_PAUSE_SECONDS if changed else min(1.5 * self._seconds, _LONGEST_PAUSE_SECONDS)
            for saga_id in changed:
                self._notify(saga_id)

    async def _look_at_watched(self) -> list[str]:
        watched = [saga_id for saga_id in self._watched if saga_id not in self._live]
        if not watched:
            return []
        changed = []
        for record in await self._journal.find_each(watched):
            if self._lengths.get(record.saga_id) != record.sequence and record.saga_id in self._watched:
                self._lengths[record.saga_id] = record.sequence
                changed.append(record.saga_id)
        return changed

    async def _look_at_all(self) -> list[str]:
        before = self._moving
        first = before or await self._journal.moving(self._owner, None)
        now = await self._journal.moving(self._owner, first)
        if not self._feeds:
            return []
        self._moving = now
        if before is None:
            return []
        changed = [saga_id for saga_id, length in now.unended.items() if before.unended.get(saga_id) != length]
        changed += [saga_id for saga_id, length in now.ended.items() if before.ended.get(saga_id) != length]
        changed += [saga_id for saga_id, length in now.parked.items() if before.parked.get(saga_id) != length]
        # It has ended, and had started long before; or it has gone on here.
        there = now.unended.keys() | now.ended.keys() | now.parked.keys()
        changed += [saga_id for saga_id in before.unended if saga_id not in there]
        news = [saga_id for saga_id in changed if saga_id not in self._live and saga_id not in self._rested_here]
        self._rested_here.difference_update(changed)
        return news
