"""What connections to NATS are secured with: TLS, and who we are. The files are read again with every connection.

| what                               | is said by                                                                 |
|------------------------------------|----------------------------------------------------------------------------|
| TLS                                | the address: ``tls://host:4222/prefix``, and not ``nats://…``              |
| whom we trust                      | ``ORCHESTRATOR_NATS_CA``; without, the authorities that the machine trusts |
| who we are, by a certificate       | ``ORCHESTRATOR_NATS_CERTIFICATE`` and ``ORCHESTRATOR_NATS_KEY``            |
| who we are, otherwise              | ``ORCHESTRATOR_NATS_LOGIN``, a file                                        |

The file of the login holds one line, ``user:password`` or a token; or it is a ``.creds`` file, with a JWT and an NKey.
"""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.contract.addresses import is_loopback
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import ModuleType

    from nats.aio.client import Client

_log = logging.getLogger(__name__)

PREFIX: Final = "ORCHESTRATOR_NATS_"

_CREDENTIALS: Final = "-----BEGIN NATS USER JWT-----"


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
    login: Path | None = None


class NatsSecurity:
    """What connections to NATS are secured with.

    Args:
        files: where it is kept.

    Raises:
        SettingsError: a file cannot be used.
    """

    def __init__(self, files: NatsFiles = NatsFiles()) -> None:  # noqa: B008 - it cannot be changed
        self._files = files
        if (files.certificate is None) is not (files.key is None):
            raise SettingsError(f"{PREFIX}CERTIFICATE and {PREFIX}KEY are needed, both of them or neither")
        try:
            self.options(encrypted=files.ca is not None or files.certificate is not None)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{PREFIX}…: {error}") from None

    @property
    def names_authorities(self) -> bool:
        """It is said whom we trust: what has no scheme of its own for TLS uses it then."""
        return self._files.ca is not None

    @property
    def is_known(self) -> bool:
        """The server can tell who we are."""
        return self._files.certificate is not None or self._files.login is not None

    def options(self, *, encrypted: bool) -> dict[str, Any]:
        """What the client is told, as the files are now.

        Raises:
            OSError: a file cannot be read.
            ValueError: what a file holds cannot be used.
        """
        options = _login(self._files.login) if self._files.login is not None else {}
        if encrypted:
            options["tls"] = _context(self._files)
        return options


class NatsServer(NamedTuple):
    """Where a server is.

    Attributes:
        place: ``host:port``.
        encrypted: it is reached over TLS.
    """

    place: str
    encrypted: bool = False

    @property
    def url(self) -> str:
        """As the client takes it."""
        return f"{'tls' if self.encrypted else 'nats'}://{self.place}"

    def client(self) -> Client:
        """A new client, not connected. Where TLS is wanted, it says nothing to a server without."""
        if self.encrypted:
            return _encrypted_client()()
        client: Client = nats_client().aio.client.Client()
        return client


def refuse_readable(servers: Iterable[NatsServer], security: NatsSecurity, *, insecure: bool) -> None:
    """Refuse to send over a network that could read it, or to a server that does not ask who we are.

    Args:
        servers: to whom something is sent.
        security: of the connections to them.
        insecure: it may be sent all the same; that is logged.

    Raises:
        SettingsError: a server would be reached over a network without TLS, or without a login.
    """
    for server in sorted(set(servers)):
        missing = [] if server.encrypted else ["TLS (tls:// in its address)"]
        missing += [] if security.is_known else [f"a login ({PREFIX}LOGIN, or {PREFIX}CERTIFICATE)"]
        if is_loopback(server.place) or not missing:
            continue
        if not insecure:
            raise SettingsError(
                f"NATS at {server.place} would be reached over a network without {' and '.join(missing)}; set what is "
                "missing, or say --insecure (ORCHESTRATOR_INSECURE=true) where the network itself is safe"
            )
        _log.warning("INSECURE: NATS at %s is reached without %s", server.place, " and ".join(missing))


def _context(files: NatsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca)
    if files.certificate is not None and files.key is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


def _login(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8").strip()
    if _CREDENTIALS in text:
        return {"user_credentials": str(path)}
    if not text or "\n" in text:
        raise ValueError(f"{path}: expected one line, user:password or a token, or a file of credentials (.creds)")
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
