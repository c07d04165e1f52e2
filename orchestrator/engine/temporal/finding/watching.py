"""Sagas as those see them who watch.

One saga is seen after each change, those in a burst as one: its history is read on from where it was. For the feed of
all sagas, the server is asked again and again what has changed: it tells each change of status, and each end; what a
saga does in between, it may leave out: a cluster tells of no more without being asked about each.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from temporalio.client import WorkflowFailureError

from orchestrator.engine.temporal import keys
from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.finding.following import follow
from orchestrator.engine.temporal.finding.records import is_broken, query_of
from orchestrator.errors import JournalUnavailable, SagaNotFound
from orchestrator.journal.state import ENDED, UNFINISHED
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from temporalio.client import Client, WorkflowExecution

    from orchestrator.engine.temporal.finding.looking import Looking
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock

_FIRST_REST_SECONDS: Final = 0.2
_LONGEST_REST_SECONDS: Final = 2.0
_FEED_SECONDS: Final = 0.5
_LATE_NANOSECONDS: Final = 10 * 1_000_000_000
_UNFINISHED_NAMES: Final = frozenset(status.name for status in UNFINISHED)


class Watching:
    """Watches the sagas of one cluster.

    Args:
        client: of that.
        looking: looks at them.
        clock: the time.
    """

    def __init__(self, client: Client, looking: Looking, clock: Clock) -> None:
        self._client = client
        self._looking = looking
        self._clock = clock

    async def watch(self, saga_id: str) -> AsyncIterator[SagaState]:
        """The saga as it stands, then after every change, until it has ended.

        Raises:
            SagaNotFound: there is none of this id.
            JournalUnavailable: the server cannot be asked.
        """
        async with contextlib.aclosing(follow(self._client, saga_id, self._clock)) as histories:
            async for found in histories:
                state = self._looking.seen(saga_id, found).state
                has_ended = state.status in ENDED  # asked now: the watcher may take its time
                yield state
                if has_ended:
                    return

    async def watch_all(self) -> AsyncIterator[SagaState]:
        """Every saga, when its status has changed. For ever."""
        since = self._clock.now()
        seen: dict[str, object] = {}
        first = True
        while True:
            looked_at = self._clock.now()
            changed: list[str] = []
            try:
                found = await self._moving(since - _LATE_NANOSECONDS)
            except JournalUnavailable:
                found = {}
            for saga_id, mark in found.items():
                if seen.get(saga_id) != mark and not first:
                    changed.append(saga_id)
                seen[saga_id] = mark
            for saga_id in [each for each in seen if each not in found]:
                del seen[saga_id]
            since, first = looked_at, False
            for saga_id in changed:
                try:
                    yield (await self._looking.look(saga_id)).state
                except SagaNotFound:
                    continue
            await self._clock.sleep(_FEED_SECONDS)

    async def wait(self, saga_id: str, seconds: float) -> SagaState:
        """A saga once it has ended or is suspended, or as it stands after so many seconds.

        The server tells when the workflow has ended. It does not tell when a saga rests whose workflow stays open: now
        and then, we look.
        """
        until = self._clock.elapsed() + int(seconds * 1e9)
        pause = _FIRST_REST_SECONDS
        ending = asyncio.ensure_future(self._await_end(saga_id))
        try:
            while (left := (until - self._clock.elapsed()) / 1e9) > 0:
                if (await asyncio.wait([ending], timeout=min(pause, left)))[0]:
                    await ending
                    break
                described = await self._describe(saga_id)
                status = described.typed_search_attributes.get(keys.STATUS)
                if status not in _UNFINISHED_NAMES or is_broken(described):
                    break
                pause = min(2 * pause, _LONGEST_REST_SECONDS)
        finally:
            ending.cancel()
        return (await self._looking.look(saga_id)).state

    async def _await_end(self, saga_id: str) -> None:
        async with told_as_journal_errors(saga_id):
            with contextlib.suppress(WorkflowFailureError):
                await self._client.get_workflow_handle(saga_id).result()

    async def _describe(self, saga_id: str) -> WorkflowExecution:
        async with told_as_journal_errors(saga_id):
            return await self._client.get_workflow_handle(saga_id).describe()

    async def _moving(self, since: int) -> dict[str, object]:
        """The sagas that have not ended, or that have ended since, each with what changes when it does."""
        found: dict[str, object] = {}
        for where in (SagaFilter(statuses=UNFINISHED), SagaFilter(ended_from=since)):
            async with told_as_journal_errors(""):
                async for execution in self._client.list_workflows(query_of(where)):
                    status = execution.typed_search_attributes.get(keys.STATUS)
                    found[execution.id] = execution.run_id, status
        return found
