"""The console as a server in the event loop of the orchestrator."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.api.over_http.context import CERTIFICATE, CERTIFICATE_END
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

    from orchestrator.api.over_http.door import HttpApi
    from orchestrator.console.handshakes import ConsoleTls
    from orchestrator.console.live import Live

_MOST_CONNECTIONS: Final = 1000
_MOST_HEADER_BYTES: Final = 64 * 1024
_BACKLOG: Final = 256
_POLL_SECONDS: Final = 0.01


class ConsoleServer:
    """Serves the console until it is drained. It installs no signal handlers: the process has its own.

    Args:
        application: what it serves.
        live: what open pages show; they are let go at the end.
        api: the API that it serves beside its pages; ``None`` for none.
        listen: ``host:port``; port 0 leaves the choice to the system.
        tls: what it shows to browsers, and which it takes; ``None`` for connections that are not encrypted.
        shared: other processes listen on the same port.

    Attributes:
        address: where it can be reached, with the port that was really taken.

    Raises:
        SettingsError: the address cannot be used.
    """

    def __init__(
        self,
        application: Starlette,
        live: Live,
        listen: str,
        tls: ConsoleTls | None = None,
        *,
        api: HttpApi | None = None,
        shared: bool = False,
    ) -> None:
        self._live = live
        self._api = api
        self._socket = _bound(listen, shared=shared)
        host, _, _ = listen.rpartition(":")
        scheme = "http" if tls is None else "https"
        self.address = f"{scheme}://{host}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            application,
            http=_KnownProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,  # addresses hold the codes of sign-in links
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
            backlog=_BACKLOG,
        )
        config.load()
        config.ssl = None if tls is None else tls.context()
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answer browsers from now on."""
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(_POLL_SECONDS)

    async def drain(self, grace: float) -> None:
        """Let open pages and streams go, take no more requests, and let others finish for up to ``grace`` seconds."""
        if self._serving is None:
            self._socket.close()
            return
        self._live.end()
        if self._api is not None:
            self._api.drain()
        self._server.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._serving, grace)


class _Server(uvicorn.Server):
    """It leaves the signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """See uvicorn."""
        yield


class _KnownProtocol(H11Protocol):
    """It tells the application which names the verified client certificate of a connection holds, and when it ends."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        shown: Mapping[str, Any] | None = transport.get_extra_info("peercert")
        if shown:
            names, application = names_in(shown), self.app
            end = ssl.cert_time_to_seconds(shown["notAfter"])

            async def known(scope: Scope, receive: Receive, send: Send) -> None:
                scope[CERTIFICATE], scope[CERTIFICATE_END] = names, end
                await application(scope, receive, send)

            self.app = known


def names_in(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """The alternative names in a verified certificate, as :mod:`ssl` decodes it; where it has none, its common name.

    An authority that checks alternative names may let anybody choose the common name (RFC 6125).
    """
    alternative = tuple(str(value) for _, value in certificate.get("subjectAltName", ()))
    pairs = (pair for part in certificate.get("subject", ()) for pair in part)
    return alternative or tuple(str(value) for name, value in pairs if name == "commonName")


def _bound(listen: str, *, shared: bool) -> socket.socket:
    """Raises: SettingsError: the address cannot be used."""
    host, _, port = listen.rpartition(":")
    taken: socket.socket | None = None
    try:
        family, kind, _, _, target = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(target)
        taken.setblocking(False)
    except (OSError, ValueError) as error:
        if taken is not None:
            taken.close()
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        cause = f"port {port} is in use" if in_use else str(error)
        raise SettingsError(
            f"the console cannot listen on {listen}: {cause}; set ORCHESTRATOR_CONSOLE_LISTEN to another host:port, or "
            "to nothing for no console"
        ) from None
    return taken
