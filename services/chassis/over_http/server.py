"""The HTTP server of a service, in its event loop."""

import asyncio
import contextlib
import ssl
from collections.abc import Generator
from typing import Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.chassis.answering import Answering
from services.chassis.listening import Door
from services.chassis.over_http.application import HttpApplication, Receive, Scope, Send
from services.chassis.over_http.health import Health

_MOST_CONNECTIONS: Final = 1000
_MOST_HEADER_BYTES: Final = 64 * 1024
_KEEP_ALIVE_SECONDS: Final = 60
"""Callers use a connection for many calls, and one that ends under a call makes its outcome unknown."""
_POLL_SECONDS: Final = 0.01


class HttpServer:
    """Takes the calls of one service over HTTP. It installs no signal handlers: the process has its own.

    Args:
        answering: answers them.
        entrance: behind which certificate it listens.
        listen: ``host:port``; port 0 takes a free one.
        variable: which setting says that.

    Attributes:
        address: its URL, with the port really taken.

    Raises:
        StartupError: the address cannot be used.
    """

    def __init__(self, answering: Answering, *, entrance: Door, listen: str, variable: str) -> None:
        self._socket = entrance.socket(listen, variable=variable)
        context = entrance.tls.context if entrance.tls else None
        scheme = "http" if context is None else "https"
        self.address = f"{scheme}://{listen.rpartition(':')[0]}:{self._socket.getsockname()[1]}"
        self._health = Health(answering.contract.full_name)
        config = uvicorn.Config(
            HttpApplication(answering, self._health),
            http=_KnownProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,  # queries hold what requests hold
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        config.load()
        config.ssl = context
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take calls from now on."""
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(_POLL_SECONDS)

    async def drain(self, seconds: float) -> None:
        """Take no new calls, and let those in flight finish for so long."""
        self._health.drain()
        if self._serving is None:
            self._socket.close()
            return
        self._server.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._serving, seconds)


class _Server(uvicorn.Server):
    """It leaves the signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """See uvicorn."""
        yield


class _KnownProtocol(H11Protocol):
    """It tells the application of the verified client certificate of a connection, by the TLS extension of ASGI."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        shown = connection.getpeercert(binary_form=True) if connection else None
        if shown:
            tls = {"client_cert_chain": [ssl.DER_cert_to_PEM_cert(shown)]}
            application = self.app

            async def known(scope: Scope, receive: Receive, send: Send) -> None:
                scope["extensions"] = {**scope.get("extensions", {}), "tls": tls}
                await application(scope, receive, send)

            self.app = known
