"""The broker NATS JetStream: events are kept in one stream, and each subscription has a durable consumer there.

| what         | its name                                        |
|--------------|-------------------------------------------------|
| the stream   | the prefix, such as ``events``                  |
| an event     | ``<prefix>.<type>``; ``Nats-Msg-Id`` is its id  |
| a consumer   | the subscription's, such as ``email-confirm``   |

The stream is made by the first that needs it, and keeps events for 30 days; orchestrators make the same. A connection
comes back by itself; what a consumer was asked for before is forgotten by the new server, so each new connection begins
with ``BrokerAway``, after which all is asked anew.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from services.chassis.event import Event
from services.chassis.events.broker import BrokerAway, Wanted
from services.chassis.queue_connection import QueueConnection

_ACK_WAIT_SECONDS: Final = 10.0
_MOST_UNSETTLED: Final = 250
_FETCH_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 5.0
_DUPLICATE_SECONDS: Final = 600.0
_KEPT_SECONDS: Final = 30 * 86_400.0
_MESSAGE_ID: Final = "Nats-Msg-Id"
_BEGINNING: Final = datetime.fromtimestamp(0, UTC)
_AWAY: Final = (nats.errors.Error, OSError, TimeoutError)


class JetStreamBroker:
    """The stream of events under one prefix.

    Args:
        connection: to the broker.
        prefix: of the subjects.
    """

    def __init__(self, connection: QueueConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix
        self.stream = prefix.replace(".", "-")

    def now(self) -> tuple[JetStreamContext, tuple[int, int]]:
        """The stream's API on the connection of this moment, and which connection that is.

        Raises:
            BrokerAway: there is none.
        """
        connected = self._connection.now()
        if connected is None:
            raise BrokerAway("there is no connection to NATS")
        return connected.client.jetstream(timeout=_ANSWER_SECONDS), connected.number

    def subject(self, kind: str) -> str:
        """Of events of a type."""
        return f"{self._prefix}.{kind}"

    async def send(self, event: Event) -> None:
        """See ``Broker``."""
        context, _ = self.now()
        headers = {**event.headers(), _MESSAGE_ID: event.id}
        try:
            await context.publish(self.subject(event.type), event.data, headers=headers)
        except nats.js.errors.NoStreamResponseError:
            await self.ensure_stream(context)
            raise BrokerAway("there was no stream") from None
        except _AWAY as error:
            raise BrokerAway(f"NATS did not take an event: {error!r}") from error

    async def ensure_stream(self, context: JetStreamContext) -> None:
        """Make the stream, if it is not there.

        Raises:
            BrokerAway: it cannot be looked up, or not made.
        """
        config = StreamConfig(
            name=self.stream,
            subjects=[f"{self._prefix}.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=_KEPT_SECONDS,
            duplicate_window=_DUPLICATE_SECONDS,
            allow_direct=True,
        )
        try:
            with suppress(nats.js.errors.NotFoundError):
                await context.stream_info(self.stream)
                return
            await context.add_stream(config)
        except _AWAY as error:
            raise BrokerAway(f"the stream {self.stream} is neither there nor can it be made: {error!r}") from error

    def feed(self, wanted: Wanted) -> "JetStreamFeed":
        """See ``Broker``."""
        return JetStreamFeed(self, wanted)


class JetStreamFeed:
    """What one durable consumer delivers."""

    def __init__(self, broker: JetStreamBroker, wanted: Wanted) -> None:
        self._broker = broker
        self._wanted = wanted
        self._pulled: JetStreamContext.PullSubscription | None = None
        self._connection = (0, 0)

    async def fetch(self, most: int) -> Sequence["JetStreamDelivery"]:
        """See ``Feed``."""
        pulled = await self._pulling()
        try:
            return [JetStreamDelivery(message) for message in await pulled.fetch(most, timeout=_FETCH_SECONDS)]
        except nats.errors.TimeoutError:
            return []
        except _AWAY as error:
            self._pulled = None
            raise BrokerAway(f"NATS did not deliver: {error!r}") from error

    async def unsettled(self) -> int:
        """See ``Feed``."""
        pulled = await self._pulling(anew=True)
        try:
            return (await pulled.consumer_info()).num_ack_pending or 0
        except _AWAY as error:
            self._pulled = None
            raise BrokerAway(f"NATS did not answer: {error!r}") from error

    async def _pulling(self, *, anew: bool = False) -> JetStreamContext.PullSubscription:
        context, connection = self._broker.now()
        if self._pulled is not None and self._connection == connection:
            return self._pulled
        if not anew:
            raise BrokerAway("the connection to NATS is another one now")
        try:
            await self._ensure_consumer(context)
            self._pulled = await context.pull_subscribe_bind(self._wanted.name, self._broker.stream)
        except _AWAY as error:
            raise BrokerAway(f"the consumer {self._wanted.name} cannot be had: {error!r}") from error
        self._connection = connection
        return self._pulled

    async def _ensure_consumer(self, context: JetStreamContext) -> None:
        """Make the consumer, or let it want what the subscription wants now; its place in the stream stays."""
        await self._broker.ensure_stream(context)
        wanted, stream = self._wanted, self._broker.stream
        subjects = sorted(map(self._broker.subject, wanted.types))
        with suppress(nats.js.errors.NotFoundError):
            found = (await context.consumer_info(stream, wanted.name)).config
            if sorted(found.filter_subjects or [found.filter_subject or ""]) == subjects:
                return
            found.filter_subject, found.filter_subjects = None, subjects
            await context.add_consumer(stream, found)
            return
        from_beginning = wanted.since <= _BEGINNING
        await context.add_consumer(
            stream,
            ConsumerConfig(
                durable_name=wanted.name,
                deliver_policy=DeliverPolicy.ALL if from_beginning else DeliverPolicy.BY_START_TIME,
                opt_start_time=None if from_beginning else wanted.since,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=_ACK_WAIT_SECONDS,
                max_deliver=-1,
                max_ack_pending=_MOST_UNSETTLED,
                filter_subjects=subjects,
            ),
        )


class JetStreamDelivery:
    """One delivered message."""

    def __init__(self, message: Msg) -> None:
        self._message = message
        self.place: int = message.metadata.sequence.stream
        self.deliveries: int = message.metadata.num_delivered or 1
        self.headers: Mapping[str, str] = message.headers or {}
        self.data: bytes = message.data

    async def settle(self) -> None:
        """See ``Delivery``."""
        with suppress(*_AWAY):
            await self._message.ack()

    async def hold(self) -> None:
        """See ``Delivery``."""
        with suppress(*_AWAY):
            await self._message.in_progress()
