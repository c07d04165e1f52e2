r"""TLS before a gRPC server, whose certificates are exchanged while it runs.

    tls = ServerTls(Path("hotel.pem"), Path("hotel.key"), Path("callers-ca.pem"))
    server = grpc.aio.server(interceptors=[...], options=SERVER_OPTIONS)
    server.add_secure_port("0.0.0.0:50051", tls.credentials())

Purpose: a certificate ends sooner than a process. Invariant: each handshake is made with the last good certificate.

::

    a client connects ──▶ have the files changed? ──no──▶ handshake with what is in force
                                 │                                    ▲
                                 └──yes──▶ read ──good──▶ in force ───┤
                                             └──not good──▶ logged ───┘

A certificate is looked at in the handshake alone, so connections are made anew every half minute: calls that are under
way end on the old one. So a client whose certificate has ended, or whose authority is trusted no longer, is refused
within a minute.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc

from orchestrator.participant.security.certificates import certificates_in, refuse_unmatched
from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from pathlib import Path

SERVER_OPTIONS: Final = (("grpc.max_connection_age_ms", 30_000),)
"""What gRPC is told of a server with TLS."""


class Identity(NamedTuple):
    """Who this process is, in PEM: the certificate with its chain, and the key."""

    certificate: bytes
    key: bytes

    @classmethod
    def read(cls, certificate: bytes, key: bytes) -> Identity:
        """One that can be used now.

        Raises:
            ValueError: the two do not belong together, cannot be read, or the certificate does not hold now.
        """
        certificates_in(certificate)[0].refuse_at(datetime.now(UTC))
        refuse_unmatched(certificate, key)
        return cls(certificate, key)


class ServerTls:
    """What a server shows to its clients, and which clients it takes.

    Args:
        certificate: the file of its certificate, with the chain, in PEM.
        key: the file of its private key, in PEM and without a password.
        client_ca: the file of the authorities whose certificates a client needs; ``None`` where clients need none.

    Raises:
        OSError: a file cannot be read.
        ValueError: what a file holds cannot be used; the message says why.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        self._wants_clients = client_ca is not None
        files = [certificate, key] if client_ca is None else [certificate, key, client_ca]
        self._files = WatchedFiles(files, _configuration)

    def credentials(self) -> grpc.ServerCredentials:
        """What gRPC wants for one port."""
        given = self._files.content

        def changed() -> Any:  # noqa: ANN401 - the stubs do not know that it may be None, for no change
            """Asked by gRPC before each handshake, in a thread of its own."""
            nonlocal given
            self._files.refresh()
            if self._files.content is given:
                return None
            given = self._files.content
            return given

        return grpc.dynamic_ssl_server_credentials(given, changed, self._wants_clients)


def _configuration(
    certificate: bytes, key: bytes, client_ca: bytes | None = None
) -> grpc.ServerCertificateConfiguration:
    identity = Identity.read(certificate, key)
    if client_ca is not None:
        certificates_in(client_ca)
    return grpc.ssl_server_certificate_configuration([(identity.key, identity.certificate)], client_ca)
