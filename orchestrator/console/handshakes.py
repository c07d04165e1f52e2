"""TLS before the console, with the same files as the API, exchanged while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import SettingsError
from orchestrator.participant.security.handshakes import ServerHandshakes

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


class ConsoleTls:
    """What the console shows to browsers, and which browsers it takes.

    Args:
        certificate: the file of its certificate, with the chain, in PEM.
        key: the file of its private key, in PEM and without a password.
        client_ca: the file of the authorities whose certificates a browser needs; ``None`` where it needs none.

    Raises:
        SettingsError: a file cannot be read, or what it holds cannot be used.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        try:
            self._handshakes = ServerHandshakes(certificate, key, client_ca)
        except (OSError, ValueError) as error:
            raise SettingsError(f"ORCHESTRATOR_TLS_CERTIFICATE: {error}") from None

    def context(self) -> ssl.SSLContext:
        """What a server wants: for each handshake, it takes what is in force then."""
        return self._handshakes.context()
