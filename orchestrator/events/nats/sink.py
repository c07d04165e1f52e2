"""Tells a NATS JetStream: one acknowledged publish for each delivery.

Invariant: an event counts as taken only when JetStream has stored it. Its id is the ``Nats-Msg-Id``, so what is
published again within the stream's window for duplicates is stored once.

The stream is made where there is none: it takes every subject beneath the prefix, and keeps events for 30 days, so that
a new subscriber can read them from the beginning.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from orchestrator.connections.jetstream import JetStream
from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError
from orchestrator.events.cloud_event import binary_form
from orchestrator.ports.sink import NotTaken

if TYPE_CHECKING:
    from orchestrator.connections.nats import NatsConnection
    from orchestrator.events.addresses import SinkAddress
    from orchestrator.ports.outbox import KeptEvent

MESSAGE_ID: Final = "Nats-Msg-Id"

_SECOND: Final = 1_000_000_000
_MAX_AGE_SECONDS: Final = 30 * 86_400
_DUPLICATES_SECONDS: Final = 600


def stream_name(prefix: str) -> str:
    """The stream of a prefix."""
    return prefix.replace(".", "-")


def stream_settings(prefix: str) -> dict[str, Any]:
    """The stream of a prefix, as JetStream is told of it."""
    return {
        "name": stream_name(prefix),
        "subjects": [f"{prefix}.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_age": _MAX_AGE_SECONDS * _SECOND,
        "duplicate_window": _DUPLICATES_SECONDS * _SECOND,
        "allow_direct": True,
    }


class NatsSink:
    """A :class:`~orchestrator.ports.sink.Sink` at a NATS server.

    Args:
        address: where it is.
        connection: to the server.
        timeout: seconds that one delivery takes at most.
    """

    most_at_once = 64

    def __init__(self, address: SinkAddress, connection: NatsConnection, timeout: float = 5.0) -> None:
        self.name = address.name
        self.timeout = timeout
        self._address = address
        self._jetstream = JetStream(connection)
        self._making = asyncio.Lock()
        self._is_made = False

    def wants(self, kind: str) -> bool:
        """See the port."""
        return self._address.wants(kind)

    async def tell(self, event: KeptEvent) -> NotTaken | None:
        """See the port."""
        headers, body = binary_form(event, self._address.data_format)
        headers[MESSAGE_ID] = event.event.event_id
        try:
            async with asyncio.timeout(self.timeout):
                await self._make_stream()
                subject = f"{self._address.target}.{event.event.type}"
                await self._jetstream.publish(subject, body, headers, self.timeout)
        except (BrokerUnavailableError, TimeoutError) as error:
            return NotTaken(str(error) or "no answer in time", answered=False)
        except BrokerRefusedError as error:
            self._is_made = False  # it may have been deleted
            return NotTaken(str(error), answered=bool(error.code))
        return None

    async def close(self) -> None:
        """See the port."""
        await self._jetstream.connection.close()

    async def _make_stream(self) -> None:
        async with self._making:
            if self._is_made:
                return
            name = stream_name(self._address.target)
            if await self._jetstream.find(f"STREAM.INFO.{name}") is None:
                await self._jetstream.ask(f"STREAM.CREATE.{name}", stream_settings(self._address.target))
            self._is_made = True
