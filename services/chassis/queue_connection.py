"""The connection of a service to NATS: it is made in the background, and comes back whenever it is lost.

An address is ``nats://host:port/prefix`` or ``tls://host:port/prefix``. User and password, or a token, may stand in it;
better is a file of credentials, which other processes of the machine cannot see.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from orchestrator.participant.exposure import is_exposed
from services.chassis.errors import StartupError

if TYPE_CHECKING:
    from nats.aio.client import Client

_LOGGER = logging.getLogger(__name__)

_PORT: Final = 4222
_SCHEMES: Final = ("nats", "tls")
_SECONDS: Final = 2
_RECONNECT_SECONDS: Final = 0.25
_PING_SECONDS: Final = 5


class QueueAddress(NamedTuple):
    """Where a queue is.

    Attributes:
        server: its URL, without the prefix.
        prefix: what the subjects begin with.
        where: ``host:port``.
    """

    server: str
    prefix: str
    where: str

    @classmethod
    def read(cls, address: str, *, prefix: str) -> "QueueAddress":
        """Read ``nats://host:port/prefix``; ``prefix`` counts where none is there.

        Raises:
            ValueError: it is not of that form.
        """
        url = urlsplit(address)
        named = url.path.strip("/") or prefix
        if url.scheme not in _SCHEMES or not url.hostname or url.query or url.fragment:
            raise ValueError("is not of the form nats://host:port/prefix or tls://host:port/prefix")
        if not all(token and token.replace("-", "").replace("_", "").isalnum() for token in named.split(".")):
            raise ValueError(f"'{named}' is no prefix: words of letters, digits, - and _, with dots in between")
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        where = f"{host}:{url.port or _PORT}"
        credentials, at, _ = url.netloc.rpartition("@")
        return cls(f"{url.scheme}://{credentials}{at}{where}", named, where)

    def refuse_exposed(self, *, variable: str, credentials: Path | None, insecure: bool) -> None:
        """Refuse to send over a network what everybody there could read or write.

        Raises:
            StartupError: ``variable`` names it.
        """
        missing = [
            *([] if self.server.startswith("tls:") else ["TLS"]),
            *([] if credentials or "@" in self.server else ["credentials"]),
        ]
        if not missing or not is_exposed(self.where):
            return
        without = " and without ".join(missing)
        if not insecure:
            raise StartupError(f"{variable}: {self.where} is reached over a network, without {without}")
        _LOGGER.warning("INSECURE: %s is reached over a network, without %s", self.where, without)


@asynccontextmanager
async def connection(address: QueueAddress, *, name: str, credentials: Path | None) -> AsyncIterator["Client"]:
    """A client that connects in the background, for ever; ``is_connected`` tells whether it is at the moment.

    Args:
        address: where.
        name: what the server's operator sees.
        credentials: a file of NATS credentials.
    """
    import asyncio  # noqa: PLC0415

    from nats.aio.client import Client  # noqa: PLC0415 - only services with a queue import it

    client = Client()

    async def told(error: Exception) -> None:
        _LOGGER.debug("NATS at %s: %r", address.where, error)

    async def lost() -> None:
        _LOGGER.warning("NATS at %s: the connection is lost", address.where)

    async def back() -> None:
        _LOGGER.warning("NATS at %s: the connection is back", address.where)

    connecting = asyncio.create_task(
        client.connect(
            address.server,
            name=name,
            error_cb=told,
            disconnected_cb=lost,
            reconnected_cb=back,
            connect_timeout=_SECONDS,
            reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]  # fractions are fine
            max_reconnect_attempts=-1,
            ping_interval=_PING_SECONDS,
            user_credentials=None if credentials is None else str(credentials),
        )
    )
    try:
        yield client
    finally:
        connecting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await connecting
        with suppress(Exception):
            await client.close()
