"""All relays of one replica, and the deletion of events that every sink was told of long ago."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalError
from orchestrator.events.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.clock import Clock
    from orchestrator.ports.outbox import Outbox
    from orchestrator.ports.sink import Sink

_log = logging.getLogger(__name__)

_PASS_SECONDS: Final = 60.0
_PAGE: Final = 1_000
_BETWEEN_PAGES_SECONDS: Final = 0.1
_SECOND: Final = 1_000_000_000


class Relays:
    """Tells each sink, beside the sagas of a replica.

    Args:
        outbox: the events.
        sinks: whom to tell; each has a name of its own.
        clock: the time.
        owner: this replica's name.
        lease: seconds after which another replica may tell a sink when this one falls silent.
        give_up_after: seconds from its first failure on, after which an event becomes a dead letter.
        keep_for: seconds for which events are kept after they happened; longer where a sink was not told yet.

    Attributes:
        each: the relays.
    """

    def __init__(
        self,
        outbox: Outbox,
        sinks: Sequence[Sink],
        clock: Clock,
        *,
        owner: str,
        lease: float,
        give_up_after: float,
        keep_for: float,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._keep_for = keep_for
        self._deleting: asyncio.Task[None] | None = None
        self.each = [
            Relay(outbox, sink, clock, owner=owner, lease=lease, give_up_after=give_up_after) for sink in sinks
        ]

    def open(self) -> None:
        """Begin."""
        self._deleting = asyncio.ensure_future(self._delete_again_and_again())
        for relay in self.each:
            relay.open()

    def wake(self) -> None:
        """This replica has written events into the outbox; of those of others a relay learns a second later at most."""
        for relay in self.each:
            relay.wake()

    async def close(self, seconds: float) -> None:
        """Tell what is there, for up to so many seconds, and let other replicas have the sinks."""
        if self._deleting is not None:
            self._deleting.cancel()
        await asyncio.gather(*(relay.close(seconds) for relay in self.each))

    async def _delete_again_and_again(self) -> None:
        while True:
            await self._clock.sleep(_PASS_SECONDS)
            try:
                before = self._clock.now() - int(self._keep_for * _SECOND)
                while await self._outbox.delete_events(before, _PAGE):
                    await self._clock.sleep(_BETWEEN_PAGES_SECONDS)
            except JournalError as error:
                _log.info("old events are deleted once the journal can be used again: %s", error)
