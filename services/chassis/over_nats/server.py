"""Takes the commands of one service from a broker, over a connection that is made again whenever it is lost.

::

    connecting ──▶ connected: pulls, tells its health ──▶ lost ──▶ the client connects again ──▶ connected
        ▲                                                                                            │
        └──────────── a while ◀──────────── given up, as where the client is not let in ◀────────────┘

The service starts without the broker, too: it takes its commands as soon as there is one.
"""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from orchestrator.participant.queued.subjects import consumer_of
from orchestrator.participant.security.brokers import BrokerAccess
from services.chassis.answering import Answering
from services.chassis.over_nats.deliveries import Deliveries
from services.chassis.over_nats.pulling import Pulling
from services.chassis.over_nats.replies import Publishing
from services.chassis.queue_address import QueueAddress

if TYPE_CHECKING:
    from nats.js import JetStreamContext

_LOGGER = logging.getLogger(__name__)

SERVING: Final = b"SERVING"
NOT_SERVING: Final = b"NOT_SERVING"

_FIRST_SECONDS: Final = 2.0
"""So long a start waits for the broker, so that what is told of it is true where it is there."""
_PAUSE_SECONDS: Final = 0.5
_CLOSING_SECONDS: Final = 2.0
_CONNECT_SECONDS: Final = 2
_PING_SECONDS: Final = 10


class CommandQueue:
    """Takes the commands of one service.

    Args:
        answering: answers them.
        address: where they are.
        login: how the broker lets this process in.
    """

    def __init__(self, answering: Answering, address: QueueAddress, login: BrokerAccess) -> None:
        self._service = answering.contract.full_name
        self._address = address
        self._login = login
        self._connection: Client | None = None
        self._stream: JetStreamContext | None = None
        self._deliveries = Deliveries(answering, address.subjects, Publishing(self._stream_now))
        self._connected = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._pulling: asyncio.Task[None] | None = None
        self._health: Subscription | None = None
        self._told = ""

    async def start(self) -> None:
        """Take commands from now on, or from when the broker is there."""
        self._running = asyncio.create_task(self._run())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), _FIRST_SECONDS)

    async def drain(self, seconds: float) -> None:
        """Take no new commands, and let those in hand finish for so long; what is not finished comes to another."""
        if self._health is not None:
            with contextlib.suppress(nats.errors.Error):
                await self._health.unsubscribe()
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.wait((self._pulling,))
        await self._deliveries.drain(seconds)
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))

    def _stream_now(self) -> "JetStreamContext | None":
        """The broker, where it is connected: else the client would keep what is published until it is stale."""
        return self._stream if self._connection is not None and self._connection.is_connected else None

    async def _run(self) -> None:
        while True:
            connection = self._login.client()
            try:
                await self._serve(connection)
            except (nats.errors.Error, OSError, ValueError) as error:
                await self._complain(error)
            finally:
                self._stream = None
                with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                    await asyncio.wait_for(connection.close(), _CLOSING_SECONDS)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _serve(self, connection: Client) -> None:
        """Serve on one connection until the client has given it up."""
        given_up = asyncio.Event()
        pulling: Pulling | None = None

        async def closed() -> None:
            given_up.set()

        async def reconnected() -> None:
            _LOGGER.info("connected with %s again", self._address.place)
            if pulling is not None:
                pulling.renew()

        await connection.connect(
            self._address.server,
            name=self._service,
            error_cb=self._complain,
            closed_cb=closed,
            reconnected_cb=reconnected,
            connect_timeout=_CONNECT_SECONDS,
            reconnect_time_wait=_PAUSE_SECONDS,  # type: ignore[arg-type]  # it sleeps for so long
            max_reconnect_attempts=-1,
            ping_interval=_PING_SECONDS,
            **self._login.options(),
        )
        self._told = ""
        self._connection, self._stream = connection, connection.jetstream()
        pulling = self._pulling_on(connection)
        self._health = await self._tell_health(connection, pulling)
        self._pulling = asyncio.create_task(pulling.run())
        await connection.flush(_CONNECT_SECONDS)  # now the broker knows that somebody answers
        self._connected.set()
        await _until(given_up, self._pulling)

    def _pulling_on(self, connection: Client) -> Pulling:
        return Pulling(
            connection,
            self._address.subjects.commands,
            consumer_of(self._service),
            room=self._deliveries.room,
            take=self._deliveries.take,
        )

    async def _tell_health(self, connection: Client, pulling: Pulling) -> Subscription:
        """Answer who asks whether the service serves; of its processes, one answers."""

        async def tell(message: Msg) -> None:
            await message.respond(SERVING if pulling.works else NOT_SERVING)

        subject = self._address.subjects.health(self._service)
        return await connection.subscribe(subject, queue=consumer_of(self._service), cb=tell)

    async def _complain(self, error: Exception) -> None:
        """Log an error of the connection; the same one again is no news."""
        told = (str(error) or type(error).__name__).removeprefix("nats: ")
        if told != self._told:
            _LOGGER.warning("%s: %s; trying again", self._address.place, told)
        self._told = told


async def _until(given_up: asyncio.Event, pulling: asyncio.Task[None]) -> None:
    """Return when the client has given the connection up.

    Raises:
        nats.errors.Error: the commands cannot be pulled.
    """
    waiting = asyncio.ensure_future(given_up.wait())
    try:
        await asyncio.wait((waiting, pulling), return_when=asyncio.FIRST_COMPLETED)
        if pulling.done() and not pulling.cancelled():
            pulling.result()
        await waiting
    finally:
        waiting.cancel()
        pulling.cancel()
