"""Sagas as those see them who watch: after each change, on whichever replica."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from orchestrator.errors import SagaExists, SagaNotFound
from orchestrator.journal.state import ENDED, UNFINISHED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from orchestrator.engine.replica.watching.elsewhere import Elsewhere
    from orchestrator.engine.replica.watching.watchers import Watchers
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock

_READ_AT_ONCE: Final = 50
_BURST_SECONDS: Final = 0.2
"""Changes of a saga within this are one to those who watch all sagas: fewer views, and still soon for a person."""


class WatchedSagas:
    """The sagas of all replicas, for those who watch at one.

    Args:
        get: a saga as it stands.
        clock: the time.
        watchers: wake who watches.
        elsewhere: notices what other replicas change.
    """

    def __init__(
        self, get: Callable[[str], Awaitable[SagaState]], clock: Clock, watchers: Watchers, elsewhere: Elsewhere
    ) -> None:
        self._get = get
        self._clock = clock
        self._watchers = watchers
        self._elsewhere = elsewhere

    async def watch(self, saga_id: str) -> AsyncIterator[SagaState]:
        """The saga as it stands, then after every change, until it has ended. Changes in a burst come as one.

        Raises:
            SagaNotFound: there is none of this id.
        """
        with self._watchers.watching(saga_id) as changed, self._elsewhere.watching(saga_id):
            while True:
                changed.clear()
                state = await self._get(saga_id)
                has_ended = state.status in ENDED  # asked now: the state goes on while the watcher looks at it
                yield state
                if has_ended:
                    return
                await changed.wait()

    async def watch_all(self) -> AsyncIterator[SagaState]:
        """Every saga, after each of its changes on any replica; those in a burst come as one. For ever."""
        with self._watchers.feeding() as feed, self._elsewhere.feeding():
            while True:
                changed = list((await feed.take()).items())
                for first in range(0, len(changed), _READ_AT_ONCE):
                    at_once = changed[first : first + _READ_AT_ONCE]
                    for state in await asyncio.gather(*(self._seen(*each) for each in at_once)):
                        if state is not None:
                            yield state
                await self._clock.sleep(_BURST_SECONDS)

    async def _seen(self, saga_id: str, rests: SagaState | None) -> SagaState | None:
        # A saga whose start the journal refused has never been.
        with contextlib.suppress(SagaNotFound, SagaExists):
            return rests or await self._get(saga_id)
        return None

    async def wait(self, saga_id: str, seconds: float) -> SagaState:
        """A saga that is advanced elsewhere, once it has ended or is suspended, or as it stands after so long."""
        is_over = False

        def end() -> None:
            nonlocal is_over
            is_over = True
            changed.set()

        with self._watchers.watching(saga_id) as changed, self._elsewhere.watching(saga_id):
            call = self._clock.call_after(seconds, end)
            try:
                while True:
                    changed.clear()
                    state = await self._get(saga_id)
                    if is_over or state.status not in UNFINISHED:
                        return state
                    await changed.wait()
            finally:
                call.cancel()
