r"""One sink, as many sagas tell it side by side, each by itself.

Purpose: where no relay reads an outbox, nobody else sees how the sink fares. Invariant: at most so many deliveries are
under way at once, and while the sink takes nothing, one at a time tries whether it does again; the others are told at
once that it does not, and when to come back. A saga that has not failed comes before those that have: where the fault
lies in what they tell, only another one can show that.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.events.failing import SinkHealth
from orchestrator.ports.sink import NotTaken

if TYPE_CHECKING:
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.outbox import KeptEvent
    from orchestrator.ports.sink import Sink

_log = logging.getLogger(__name__)

_LEAST_PAUSE_SECONDS: Final = 1.0
_BEHIND_SECONDS: Final = 1.0
_SECOND: Final = 1_000_000_000


class SharedSink:
    """A :class:`~orchestrator.ports.sink.Sink` in front of another one.

    Args:
        sink: whom to tell.
        clock: the time.
    """

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self.name = sink.name
        self.timeout = sink.timeout
        self.most_at_once = sink.most_at_once
        self._sink = sink
        self._clock = clock
        self._health = SinkHealth()
        self._room = asyncio.Semaphore(sink.most_at_once)
        self._trying = False

    def wants(self, kind: str) -> bool:
        """See the port."""
        return self._sink.wants(kind)

    async def tell(self, event: KeptEvent) -> NotTaken | None:
        """See the port."""
        async with self._room:
            if self._health.failing_since is None:
                return await self._tell(event)
            now = self._clock.now()
            turn = now - int(_BEHIND_SECONDS * _SECOND) if self._health.has_failed(event.event.saga_id) else now
            pause = self._health.seconds_to_try(turn)
            if pause > 0 or self._trying:
                why = f"it takes nothing now: {self._health.error}"
                return NotTaken(why, answered=False, retry_after=max(_LEAST_PAUSE_SECONDS, pause))
            self._trying = True
            try:
                return await self._tell(event)
            finally:
                self._trying = False

    async def close(self) -> None:
        """See the port."""
        await self._sink.close()

    async def _tell(self, event: KeptEvent) -> NotTaken | None:
        try:
            failure = await self._sink.tell(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this event's, and holds up its saga alone
            failure = NotTaken(f"{type(error).__name__}: {error}", answered=True)
        was_failing = self._health.failing_since is not None
        if failure is None:
            self._health.note_taken(self._clock.now())
        else:
            self._health.note_failed(event.event.saga_id, failure, self._clock.now())
        if was_failing and failure is None:
            _log.info("%s takes events again", self.name)
        elif not was_failing and self._health.failing_since is not None:
            _log.warning("%s takes no events: %s", self.name, self._health.error)
        return failure
