"""The connection of a service to NATS: it is made in the background, and made again for ever when it is lost.

A client connects again by itself. Only where the broker does not let it in does it give up; then another client is made
after a while, for the operator may have set that right.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple, Never

import nats.errors
from nats.aio.client import Client

from orchestrator.participant.security.brokers import BrokerAccess
from services.chassis.queue_address import QueueAddress

_LOGGER = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 2
_PAUSE_SECONDS: Final = 0.5
_PING_SECONDS: Final = 10
_CLOSING_SECONDS: Final = 2.0


class Connected(NamedTuple):
    """A client that is connected now.

    Attributes:
        client: the client.
        number: which connection this is; what was asked for on one is unknown to the next.
    """

    client: Client
    number: tuple[int, int]


class QueueConnection:
    """The connection of one service.

    Args:
        address: of the broker.
        login: how the broker lets this process in.
        name: what the broker's operator sees.
    """

    def __init__(self, address: QueueAddress, login: BrokerAccess, *, name: str) -> None:
        self._address = address
        self._login = login
        self._name = name
        self._client: Client | None = None
        self._clients = 0
        self._told = ""

    def now(self) -> Connected | None:
        """The client, if it is connected at the moment."""
        client = self._client
        if client is None or not client.is_connected:
            return None
        return Connected(client, (self._clients, client.stats["reconnects"]))

    async def run(self) -> Never:
        """Stay connected, or try to be, until this is cancelled."""
        while True:
            given_up = asyncio.Event()
            client = self._login.client()
            try:
                await self._connect(client, given_up)
                self._clients += 1
                self._client = client
                self._told = ""
                await given_up.wait()
            except (nats.errors.Error, OSError, TimeoutError, ValueError) as error:
                await self._complain(error)
            finally:
                self._client = None
                with suppress(nats.errors.Error, OSError, TimeoutError):
                    await asyncio.wait_for(client.close(), _CLOSING_SECONDS)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _connect(self, client: Client, given_up: asyncio.Event) -> None:
        async def closed() -> None:
            given_up.set()

        await client.connect(
            self._address.server,
            name=self._name,
            error_cb=self._complain,
            closed_cb=closed,
            connect_timeout=_CONNECT_SECONDS,
            reconnect_time_wait=_PAUSE_SECONDS,  # type: ignore[arg-type]  # it sleeps for so long
            max_reconnect_attempts=-1,
            ping_interval=_PING_SECONDS,
            **self._login.options(),
        )

    async def _complain(self, error: Exception) -> None:
        said = str(error) or type(error).__name__
        if said != self._told:
            self._told = said
            _LOGGER.warning("NATS at %s: %s", self._address.place, said)


@asynccontextmanager
async def connected(address: QueueAddress, login: BrokerAccess, *, name: str) -> AsyncIterator[QueueConnection]:
    """A connection for as long as the block runs."""
    connection = QueueConnection(address, login, name=name)
    running = asyncio.create_task(connection.run())
    try:
        yield connection
    finally:
        running.cancel()
        await asyncio.wait((running,))
