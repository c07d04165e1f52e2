"""The page of metrics that Prometheus reads, served from threads of its own.

It takes milliseconds to write, and no saga waits for it.

::

    GET /metrics ──who asks?──▶ 401 or 403, where the address can be reached over a network
                      └───────▶ the replica is read on its loop ──▶ 200: every metric that has a value
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder

from orchestrator.errors import NotAuthenticated, OrchestratorError, SettingsError
from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from prometheus_client import CollectorRegistry

    from orchestrator.observability.door import Door, ServerFiles

_log = logging.getLogger(__name__)

_PATH: Final = "/metrics"
_PATIENCE_SECONDS: Final = 10.0


class MetricsPage:
    """Serves the metrics of a registry until it is closed. Opened on the loop that knows the callers.

    Args:
        door: where, and to whom.
        registry: what is served.

    Attributes:
        address: with the port that was really taken.

    Raises:
        SettingsError: the address or a file cannot be used.
    """

    def __init__(self, door: Door, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        self._loop = asyncio.get_running_loop()
        self._refuse = door.refuse
        self._registry = registry
        self._writing = threading.Lock()
        self._server = _listening(door, self)
        self.address = f"{door.address.rpartition(':')[0]}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        _log.info("metrics on %s://%s%s", "http" if door.tls is None else "https", self.address, _PATH)

    def close(self) -> None:
        """Serve no more. Blocks for a moment."""
        self._server.shutdown()
        self._server.server_close()

    def refuse(self, authorization: str, peer: str) -> None:
        """Refuse a caller who may not read the metrics. Blocks.

        Raises:
            OrchestratorError: so it is.
        """
        if self._refuse is not None:
            asked = asyncio.run_coroutine_threadsafe(_as_coroutine(self._refuse(authorization, peer)), self._loop)
            asked.result(_PATIENCE_SECONDS)

    def written(self, accept: str) -> tuple[bytes, str]:
        """The metrics as of now and their content type. Blocks."""
        encode, content_type = choose_encoder(accept)
        with self._writing:  # the reader behind the registry is for one at a time
            return encode(self._registry), content_type


class _Request(BaseHTTPRequestHandler):
    timeout = _PATIENCE_SECONDS
    page: MetricsPage

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != _PATH:
            self._answer(HTTPStatus.NOT_FOUND, f"the metrics are at {_PATH}\n".encode())
            return
        try:
            self.page.refuse(self.headers.get("Authorization", ""), self.client_address[0])
        except OrchestratorError as error:
            is_known = not isinstance(error, NotAuthenticated)
            self._answer(HTTPStatus.FORBIDDEN if is_known else HTTPStatus.UNAUTHORIZED, f"{error}\n".encode())
        else:
            self._answer(HTTPStatus.OK, *self.page.written(self.headers.get("Accept", "")))

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Nobody needs to know what serves this."""
        return "orchestrator"

    def log_message(self, _format: str, *_values: object) -> None:
        """A page that is read every few seconds is nothing to log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        family: int,
        target: Any,  # noqa: ANN401 - as the system has addresses
        handler: type[_Request],
        tls: WatchedFiles[ssl.SSLContext] | None,
    ) -> None:
        self.address_family = socket.AddressFamily(family)
        self._tls = tls
        super().__init__(target, handler)

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the standard library's
        """In the thread of one connection: a handshake that is never made keeps nobody else waiting."""
        if self._tls is not None:
            self._tls.refresh()
            request.settimeout(_PATIENCE_SECONDS)
            request = self._tls.content.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, _request: object, client_address: Any) -> None:  # noqa: ANN401 - as above
        """A connection that breaks is the client's affair."""
        _log.debug("a reader of metrics at %s is gone", client_address, exc_info=True)


def _listening(door: Door, page: MetricsPage) -> _Server:
    host, _, port = door.address.rpartition(":")
    try:
        tls = None if door.tls is None else _context(door.tls)
        family, _, _, _, target = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        return _Server(family, target, type("Request", (_Request,), {"page": page}), tls)
    except (OSError, OverflowError, ValueError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        cause = f"port {port} is in use" if in_use else str(error)
        raise SettingsError(
            f"cannot serve metrics on {door.address}: {cause}; set ORCHESTRATOR_METRICS_LISTEN to another host:port"
        ) from None


def _context(files: ServerFiles) -> WatchedFiles[ssl.SSLContext]:
    """The TLS of the latest good files."""

    def read(*_: bytes) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.certificate, files.key)
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    return WatchedFiles([path for path in files if path is not None], read)


async def _as_coroutine(asked: Awaitable[None]) -> None:
    await asked
