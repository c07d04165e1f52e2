"""How a NATS server lets a process in: its login and its certificates, read anew for each connection.

The client of the library connects again by itself, with what it was told at its first connection. A certificate that
has ended since then, or a password that was exchanged, would keep it out until the process is started again. So this
client looks at the files each time. What cannot be used is logged, and what was there before stays in force.

The file of the login holds one line, ``user:password`` or a token; or it is a ``.creds`` file, with a JWT and an NKey.

The library goes on in the clear where a server does not ask for TLS, so somebody between the two would learn the
password by an answer in the place of the server. This client leaves such a server where TLS is wanted.
"""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from nats.aio.client import Client

_CREDENTIALS: Final = "-----BEGIN NATS USER JWT-----"
_FILE_OF_CREDENTIALS: Final = "user_credentials"
_NOBODY: Final = {"user": None, "password": None, "token": None}


class BrokerFiles(NamedTuple):
    """Where it is kept who we are, and whom we trust.

    Attributes:
        ca: the authorities of the server; ``None`` for those that the machine trusts.
        certificate: our own, with the chain.
        key: its private key, without a password.
        login: see the module.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    login: Path | None = None


class BrokerAccess:
    """What clients of one server tell it.

    Args:
        files: where that is kept.
        encrypted: the server is reached over TLS.

    Raises:
        OSError: a file cannot be read.
        ValueError: what a file holds cannot be used.
    """

    def __init__(self, files: BrokerFiles = BrokerFiles(), *, encrypted: bool = False) -> None:  # noqa: B008 - it cannot be changed
        self.encrypted = encrypted
        self._files = files
        shown = [path for path in (files.ca, files.certificate, files.key) if path is not None]
        self._context = WatchedFiles(shown, self._read_context) if encrypted else None
        self._login = WatchedFiles([files.login], self._read_login) if files.login is not None else None

    def options(self) -> dict[str, Any]:
        """What the client is told at its first connection, as the files are now."""
        options = self.login()
        if self._context is not None:
            options["tls"] = self.context()
        return options

    def login(self) -> dict[str, Any]:
        """Who we are, as the file is now; empty where nobody asks."""
        if self._login is None:
            return {}
        self._login.refresh()
        return dict(self._login.content)

    def context(self) -> ssl.SSLContext:
        """Whom we trust and what we show, as the files are now."""
        assert self._context is not None
        self._context.refresh()
        return self._context.content

    def client(self) -> "Client":
        """A new client, not connected. It is to be connected with the options."""
        client: Client = _client_type()(self)
        return client

    def _read_context(self, *_contents: bytes) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._files.ca)
        if self._files.certificate is not None and self._files.key is not None:
            context.load_cert_chain(self._files.certificate, self._files.key)
        return context

    def _read_login(self, content: bytes) -> dict[str, str]:
        text = content.decode().strip()
        if _CREDENTIALS in text:
            return {_FILE_OF_CREDENTIALS: str(self._files.login)}
        if not text or "\n" in text:
            raise ValueError("expected one line, user:password or a token, or a file of credentials (.creds)")
        user, colon, password = text.partition(":")
        return {"user": user, "password": password} if colon else {"token": text}


def _client_type() -> Any:  # noqa: ANN401 - its base comes with an extra
    import nats.aio.client  # noqa: PLC0415 - it comes with an extra
    import nats.errors  # noqa: PLC0415

    class RenewedClient(nats.aio.client.Client):
        """It says who it is by what the files hold now, and where TLS is wanted, over TLS alone."""

        def __init__(self, access: BrokerAccess) -> None:
            super().__init__()
            self._access = access

        @property
        def ssl_context(self) -> ssl.SSLContext:
            """Asked for at each handshake."""
            return self._access.context() if self._access.encrypted else super().ssl_context

        def _connect_command(self) -> bytes:
            if self._access.encrypted and not self._server_info.get("tls_required"):
                raise nats.errors.Error("the server does not offer TLS, and TLS is wanted")
            login = self._access.login()
            # The library reads a file of credentials itself, and anew each time.
            if (_FILE_OF_CREDENTIALS in login) is not (self._user_credentials is not None):
                raise nats.errors.Error("the file of the login is of another kind than at the start of this process")
            login.pop(_FILE_OF_CREDENTIALS, None)
            self.options.update(_NOBODY | login)
            return super()._connect_command()

    return RenewedClient
