"""How sagas stand: those that are advanced here by their executors, the others by the journal."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from orchestrator.engine.replica.watching.watched import WatchedSagas
from orchestrator.errors import SagaExists, SagaNotFound
from orchestrator.journal.fold import fold
from orchestrator.journal.state import CLAIMABLE, SagaState, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.engine.replica.watching.elsewhere import Elsewhere
    from orchestrator.engine.replica.watching.watchers import Watchers
    from orchestrator.engine.run.executor import Executor
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal


class SagaStates:
    """The sagas of all replicas, as one replica tells of them.

    Args:
        live: what advances sagas here, by id.
        journal: where all of them are.
        clock: the time.
        watchers: wake who watches a saga.
        elsewhere: notices what other replicas change.

    Attributes:
        watched: the same, after each change.
    """

    def __init__(
        self, live: Mapping[str, Executor], journal: Journal, clock: Clock, watchers: Watchers, elsewhere: Elsewhere
    ) -> None:
        self._live = live
        self._journal = journal
        self._clock = clock
        self.watched = WatchedSagas(self.get, clock, watchers, elsewhere)

    async def get(self, saga_id: str) -> SagaState:
        """A saga as it stands.

        Raises:
            SagaNotFound: there is none of this id.
        """
        executor = self._live.get(saga_id)
        if executor is not None:
            # A repeated start looks like a new one until the journal says that the saga exists.
            with contextlib.suppress(SagaExists):
                state = await executor.settled_state()
                if state is not None:
                    return state
        entries = await self._journal.read(saga_id)
        if not entries:
            raise SagaNotFound(saga_id)
        return fold(saga_id, entries)

    async def is_elsewhere(self, saga_id: str) -> bool:
        """Whether a saga is, or will be, advanced by another replica.

        Raises:
            SagaNotFound: there is none of this id.
        """
        if saga_id in self._live or not self._journal.shared:
            return False
        return (await self.get(saga_id)).status in CLAIMABLE

    async def wait(self, saga_id: str, seconds: float) -> SagaState:
        """A saga once it has ended or is suspended, or as it stands after so many seconds."""
        executor = self._live.get(saga_id)
        if executor is None:
            return await self.watched.wait(saga_id, seconds)
        left = await self.wait_stopped(executor, seconds)
        return await self.until_rest(await self.get(saga_id), left)

    async def until_rest(self, state: SagaState, left: float) -> SagaState:
        """A saga that is advanced here no more; where it was parked, it has not ended, and its end is waited for."""
        return await self.watched.wait(state.saga_id, left) if state.status is Status.WAITING and left > 0 else state

    async def until_stopped(self, saga_id: str, seconds: float) -> None:
        """Wait until a saga is advanced here no more, for up to so many seconds."""
        executor = self._live.get(saga_id)
        if executor is not None:
            await self.wait_stopped(executor, seconds)

    async def wait_stopped(self, executor: Executor, seconds: float) -> float:
        """Wait until an executor does no more, for up to so many seconds; those that are left."""
        asked_at = self._clock.elapsed()
        either: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake(_: object = None) -> None:
            if not either.done():
                either.set_result(None)

        # Callbacks, because asyncio.wait costs several times as much, and this is once for every saga.
        executor.stopped.add_done_callback(wake)
        call = self._clock.call_after(seconds, wake)
        try:
            await either
        finally:
            executor.stopped.remove_done_callback(wake)
            call.cancel()
        return seconds - (self._clock.elapsed() - asked_at) / 1e9
