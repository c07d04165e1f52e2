"""What connections to NATS are secured with: TLS, and who we are. Files are read again with every connection.

| setting                            | what it names                                                              |
|------------------------------------|----------------------------------------------------------------------------|
| ``ORCHESTRATOR_NATS_TLS_CA``       | the authorities whose certificates a server must have; with it, TLS is on  |
| ``ORCHESTRATOR_NATS_TLS_CERTIFICATE``, ``..._KEY`` | our own certificate, and its key                           |
| ``ORCHESTRATOR_NATS_CREDENTIALS``  | a ``.creds`` file, with a JWT and an NKey                                  |
| ``ORCHESTRATOR_NATS_PASSWORD``     | a file that holds ``user:password``, or a token alone                      |
"""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.contract.addresses import is_loopback
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from types import ModuleType

    from nats.aio.client import Client

_log = logging.getLogger(__name__)

PREFIX: Final = "ORCHESTRATOR_NATS_"


def nats_client() -> ModuleType:
    """The library, which comes with an extra.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import nats.aio.client  # noqa: PLC0415 - it comes with an extra
    except ImportError:
        raise SettingsError(
            'an address begins with nats://, and what speaks to NATS is not installed: pip install "...[nats]"'
        ) from None
    return nats


class NatsFiles(NamedTuple):
    """Where what secures the connections is kept; see the table of the module."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    credentials: Path | None = None
    password: Path | None = None


class NatsSecurity:
    """What connections to NATS are secured with.

    Args:
        files: where it is kept.

    Raises:
        SettingsError: a file cannot be used.
    """

    def __init__(self, files: NatsFiles = NatsFiles()) -> None:  # noqa: B008 - it cannot be changed
        self._files = files
        _refuse_incomplete(files)
        self.options()

    @property
    def is_encrypted(self) -> bool:
        """Nobody on the way can read what is sent."""
        return self._files.ca is not None

    @property
    def is_known(self) -> bool:
        """The server can tell who we are."""
        return any((self._files.certificate, self._files.credentials, self._files.password))

    def url(self, server: str) -> str:
        """The address of a server as the client takes it."""
        return f"{'tls' if self.is_encrypted else 'nats'}://{server}"

    def client(self) -> Client:
        """A new client, not connected. Where TLS is wanted, it says nothing to a server without."""
        return _encrypted_client()() if self.is_encrypted else nats_client().aio.client.Client()

    def options(self) -> dict[str, Any]:
        """What the client is told of it, as the files are now.

        Raises:
            SettingsError: a file cannot be used.
        """
        files = self._files
        options: dict[str, Any] = {}
        try:
            if files.ca is not None:
                options["tls"] = _context(files)
            if files.credentials is not None:
                files.credentials.read_bytes()
                options["user_credentials"] = str(files.credentials)
            if files.password is not None:
                options |= _login(files.password.read_text(encoding="utf-8").strip())
        except (OSError, ValueError) as error:
            raise SettingsError(f"{PREFIX}…: {error}") from None
        return options


def refuse_readable(servers: Collection[str], security: NatsSecurity, *, insecure: bool) -> None:
    """Refuse to send commands over a network that could read them, or to a server that does not ask who we are.

    Args:
        servers: ``host:port`` of each.
        security: of the connections to them.
        insecure: it may be so all the same; that is logged.

    Raises:
        SettingsError: it is so.
    """
    away = sorted(server for server in servers if not is_loopback(server))
    missing = [
        *([] if security.is_encrypted else [f"TLS ({PREFIX}TLS_CA)"]),
        *([] if security.is_known else [f"a login ({PREFIX}CREDENTIALS, {PREFIX}PASSWORD or {PREFIX}TLS_CERTIFICATE)"]),
    ]
    if not away or not missing:
        return
    if insecure:
        _log.warning("INSECURE: NATS at %s is reached without %s", ", ".join(away), " and ".join(missing))
        return
    raise SettingsError(
        f"NATS at {', '.join(away)} would be reached over a network without {' and '.join(missing)}; set what is "
        "missing, or say --insecure (ORCHESTRATOR_INSECURE=true) where the network itself is safe"
    )


def _refuse_incomplete(files: NatsFiles) -> None:
    if (files.certificate is None) is not (files.key is None):
        raise SettingsError(f"{PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY are needed, both of them or neither")
    if files.certificate is not None and files.ca is None:
        raise SettingsError(f"{PREFIX}TLS_CA is needed: without it, nobody can be trusted, and there is no TLS")


def _context(files: NatsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca)
    if files.certificate is not None and files.key is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


def _login(text: str) -> dict[str, str]:
    if not text:
        raise ValueError("the file of the password is empty")
    user, colon, password = text.partition(":")
    return {"user": user, "password": password} if colon else {"token": text}


def _encrypted_client() -> type[Client]:
    """A client that sends who it is over TLS alone: the library goes without where the server does not ask for it."""
    library = nats_client()

    class EncryptedClient(library.aio.client.Client):  # type: ignore[misc, name-defined]  # imported late
        def _connect_command(self) -> bytes:
            if not self._server_info.get("tls_required"):
                raise library.errors.Error("the server does not offer TLS, and TLS is wanted")
            return bytes(super()._connect_command())

    return EncryptedClient
