"""The door of a service: where it listens, with which certificate, and whom it trusts.

| where it listens | without TLS or trusted callers                     | with both |
|------------------|----------------------------------------------------|-----------|
| loopback         | opened; without trusted callers, trusts everybody  | opened    |
| a network        | refused, but for ``INSECURE``, which is logged     | opened    |

It is the same for gRPC and for HTTP.
"""

import errno
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import grpc.aio

from orchestrator.participant.security import tls
from orchestrator.participant.security.exposure import is_exposed
from orchestrator.participant.security.handshakes import ServerHandshakes
from orchestrator.participant.security.trust import TrustedCallers, Trusts, everybody
from services.chassis.errors import StartupError
from services.chassis.settings import Settings, split_address


class Tls(NamedTuple):
    """What stands before connections: for gRPC, and for HTTP."""

    credentials: grpc.ServerCredentials
    context: ssl.SSLContext


class Door(NamedTuple):
    """What stands before a service.

    Attributes:
        trusts: which roles a caller has.
        tls: before its connections; ``None`` for none.
    """

    trusts: Trusts
    tls: Tls | None

    @property
    def options(self) -> tuple[tuple[str, int], ...]:
        """What gRPC is told of a server behind it."""
        return () if self.tls is None else tls.SERVER_OPTIONS

    def open(self, server: grpc.aio.Server, address: str, *, variable: str) -> str:
        """Take the address, and return it with the port really taken: port 0 leaves the choice to the system.

        Raises:
            StartupError: it cannot be taken; ``variable`` sets another one.
        """
        # gRPC would fail too, but it hides the reason and prints lines of its own.
        self.socket(address, variable=variable).close()
        with _named(address, variable):
            if self.tls is None:
                taken = server.add_insecure_port(address)
            else:
                taken = server.add_secure_port(address, self.tls.credentials)
        return f"{address.rpartition(':')[0]}:{taken}"

    def socket(self, address: str, *, variable: str) -> socket.socket:
        """A socket that has taken the address, and listens there.

        Raises:
            StartupError: it cannot be taken; ``variable`` sets another one.
        """
        host, port = split_address(address)
        with _named(address, variable):
            family, kind, protocol, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            taken = socket.socket(family, kind, protocol)
            try:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                taken.bind(target)
                taken.listen()
            except OSError:
                taken.close()
                raise
        return taken


@contextmanager
def _named(address: str, variable: str) -> Iterator[None]:
    """Tell the operator of an address that cannot be taken.

    Raises:
        StartupError: it cannot.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        cause = f"port {split_address(address)[1]} is in use" if in_use else str(error)
        raise StartupError(f"cannot listen on {address}: {cause}; set {variable} to another host:port") from error


def door(settings: Settings, *, prefix: str) -> Door:
    """The door that the settings describe.

    Args:
        settings: of the service.
        prefix: what its variables begin with, such as ``INVENTORY_``.

    Raises:
        StartupError: a file cannot be used, or a network would reach a service without TLS or trusted callers.
    """
    missing = [
        *([] if settings.tls_certificate else ["TLS"]),
        *([] if settings.trusted_callers else ["trusted callers"]),
    ]
    for name, address in (("LISTEN", settings.listen), ("HTTP", settings.http)):
        if missing and address and is_exposed(address):
            _refuse_exposed(f"{prefix}{name}", address, " and without ".join(missing), settings, prefix)
    return Door(_trusts(settings, prefix), _tls(settings, prefix))


def _refuse_exposed(variable: str, address: str, without: str, settings: Settings, prefix: str) -> None:
    if not settings.insecure:
        raise StartupError(
            f"{variable}: {address} can be reached over a network, without {without}; set {prefix}TLS_CERTIFICATE, "
            f"{prefix}TLS_KEY and {prefix}TRUSTED_CALLERS, listen on 127.0.0.1, or set {prefix}INSECURE=true where the "
            "network itself is safe"
        )
    logging.getLogger(__name__).warning("INSECURE: %s can be reached over a network, without %s", address, without)


def _trusts(settings: Settings, prefix: str) -> Trusts:
    if settings.trusted_callers is None:
        return everybody
    try:
        return TrustedCallers(settings.trusted_callers)
    except (OSError, ValueError) as error:
        raise StartupError(f"{prefix}TRUSTED_CALLERS: {_told(settings.trusted_callers, error)}") from error


def _tls(settings: Settings, prefix: str) -> Tls | None:
    certificate, key, authorities = settings.tls_certificate, settings.tls_key, settings.tls_ca
    if certificate is None and key is None and authorities is None:
        return None
    if certificate is None or key is None:
        raise StartupError(f"{prefix}TLS_CERTIFICATE and {prefix}TLS_KEY are needed, both of them")
    try:
        credentials = tls.ServerTls(certificate, key, authorities).credentials()
        return Tls(credentials, ServerHandshakes(certificate, key, authorities).context())
    except (OSError, ValueError) as error:
        raise StartupError(f"{prefix}TLS_CERTIFICATE: {_told(certificate, error)}") from error


def _told(path: Path, error: OSError | ValueError) -> str:
    return str(error) if isinstance(error, OSError) else f"{path}: {error}"
