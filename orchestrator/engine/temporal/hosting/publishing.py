r"""Tells sinks the events of one saga, from within its workflow: each sink all of them, in their order.

Purpose: what became told when its entries did reaches every sink, whatever dies. Invariant: an event is told by an
activity that brings the entries which tell it, and counts as told once that has come back; the next one follows then.
So nothing is told that is not durable, and a sink that takes nothing holds up the end of the workflow, and no act.

::

    an entry tells ──▶ told by an activity, some at a time ──taken──▶ counted; a new run is given the counts
                          ▲       └──not taken: the server tries again, for ever, with pauses of up to a minute
                          │       └──ended by a person, with a tool of Temporal: completed, counted; failed, told again
                          └── the next ones of this saga, for this sink

Which sinks there are is said where the saga is started, so that a replay asks for the same.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.wire import taken_of, write, write_events
from orchestrator.ports.outbox import KeptEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.engine.temporal.hosting.hosted import HostedSaga

_AGAIN: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
_BATCH: Final = 50
_BATCH_BYTES: Final = 1_000_000
_TIMEOUT: Final = timedelta(minutes=15)
"""For a batch, each event of which takes seconds at most; a worker that is gone is noticed by its heartbeats."""


class Publishing:
    """Tells the events of one saga.

    Args:
        saga: the saga.
        published: how many of its events each sink was told, by the sink's name.

    Attributes:
        published: as above, and counted on.
    """

    def __init__(self, saga: HostedSaga, published: Mapping[str, int]) -> None:
        self.published = dict(published)
        self._saga = saga
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._stopped = False

    @property
    def is_busy(self) -> bool:
        """Some event is being told."""
        return any(not task.done() for task in self._telling.values())

    def has_told(self, sink: str) -> bool:
        """Whether a sink was told all there is; one that the saga does not know, has nothing to be told."""
        return self.published.get(sink, len(self._saga.outbox)) >= len(self._saga.outbox)

    @property
    def is_done(self) -> bool:
        """Every sink was told all there is."""
        return all(map(self.has_told, self.published))

    def go_on(self) -> None:
        """Tell what is new, beside all else."""
        for sink in self.published:
            telling = self._telling.get(sink)
            if not self.has_told(sink) and not self._stopped and (telling is None or telling.done()):
                self._telling[sink] = asyncio.ensure_future(self._tell(sink))

    def stop(self) -> None:
        """Begin to tell nothing more: a new run of the workflow does."""
        self._stopped = True

    async def _tell(self, sink: str) -> None:
        while not self.has_told(sink) and not self._stopped:
            first = self.published[sink]
            if (size := len(self._saga.outbox[first].payload)) > names.MOST_PAYLOAD_BYTES:
                self._give_up(sink, size)
                continue
            try:
                self.published[sink] += await self._batch(sink, first)
            except ActivityError as error:
                # The server tries for ever: only a person with a tool of Temporal ends that. Who fails an activity has
                # not said that the event counts as told.
                workflow.logger.warning("event %d is told to %s again: %s", first + 1, sink, error.cause)

    def _give_up(self, sink: str, size: int) -> None:
        event = self._saga.outbox[self.published[sink]]
        workflow.logger.error(
            "event %s (%s) is given up: %s is not told of it: it has %d bytes, and the server takes %d",
            *(event.event_id, event.type, sink, size, names.MOST_PAYLOAD_BYTES),
        )
        self.published[sink] += 1

    async def _batch(self, sink: str, first: int) -> int:
        """Tell some events; how many were taken, one at least."""
        batch, size = list[KeptEvent](), 0
        for position, event in enumerate(self._saga.outbox[first : first + _BATCH], first + 1):
            size += len(event.payload)
            if batch and size > _BATCH_BYTES:
                break
            batch.append(KeptEvent(position, event))
        events = write_events(batch)
        taken: object = await workflow.execute_activity(
            names.PUBLISH,
            args=[write(sink=sink), events, await self._saga.journal.flush(len(events))],
            activity_id=f"{names.PUBLISH} {sink} {first + 1}",
            start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=names.HEARTBEAT,
            retry_policy=_AGAIN,
        )
        return taken_of(taken, len(batch))
