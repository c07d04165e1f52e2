"""TLS before a server of HTTP, whose certificates are exchanged while it runs.

Invariant: each handshake is made with the last good certificate, and with the last good authorities of clients.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from orchestrator.participant.security.certificates import certificates_in
from orchestrator.participant.security.tls import Identity
from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from pathlib import Path


class ServerHandshakes:
    """What a server shows to its clients, and which clients it takes.

    Args:
        certificate: the file of its certificate, with the chain, in PEM.
        key: the file of its private key, in PEM and without a password.
        client_ca: the file of the authorities whose certificates a client needs; ``None`` where it needs none.

    Raises:
        OSError: a file cannot be read.
        ValueError: what a file holds cannot be used; the message says why.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        self._certificate = certificate
        self._key = key
        files = [certificate, key] if client_ca is None else [certificate, key, client_ca]
        self._files = WatchedFiles(files, self._read)

    def context(self) -> ssl.SSLContext:
        """What a server wants: for each handshake, it takes what is in force then."""
        first = self._files.content

        def take_newest(connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: ssl.SSLContext) -> None:
            self._files.refresh()
            connection.context = self._files.content

        first.sni_callback = take_newest
        return first

    def _read(self, certificate: bytes, key: bytes, client_ca: bytes | None = None) -> ssl.SSLContext:
        Identity.read(certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # It reads files only, and so they may have changed again since: then it fails, or another look finds that.
        context.load_cert_chain(self._certificate, self._key)
        if client_ca is not None:
            certificates_in(client_ca)
            context.load_verify_locations(cadata=client_ca.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context
