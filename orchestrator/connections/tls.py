"""What connections to others are secured with: whom we trust there, who we are, and the token that we send.

gRPC keeps the certificates of a channel for as long as the channel lives. So a module that has opened channels follows
what is in force here, and opens them anew when it changes.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Never, Protocol

import grpc

from orchestrator.contract.addresses import split_address
from orchestrator.errors import SettingsError
from orchestrator.participant.security.certificates import certificates_in
from orchestrator.participant.security.tls import Identity, ServerTls
from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_LOOK_SECONDS: Final = 1.0


class ClientFiles(NamedTuple):
    """The files of one side that connects, all in PEM.

    Attributes:
        ca: the authorities whose certificates are trusted.
        certificate: our own, with the chain; ``None`` where the other side asks for none.
        key: its private key, without a password.
    """

    ca: Path
    certificate: Path | None = None
    key: Path | None = None


class ClientTls:
    """TLS towards others. Read again by :meth:`refresh`, which keeps the last good files.

    Args:
        files: what is trusted, and who we are.
        names: for whom the certificate at an address ``host:port`` is, where it is not for the host.

    Raises:
        OSError: a file cannot be read.
        ValueError: what a file holds cannot be used.
    """

    def __init__(self, files: ClientFiles, names: Mapping[str, str] | None = None) -> None:
        self.files = files
        self._names = names or {}
        self._followers: list[Callable[[], None]] = []
        mine = [path for path in (files.certificate, files.key) if path is not None]
        self._watched = WatchedFiles([files.ca, *mine], _Material.read)

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC wants for a channel that is opened now."""
        ca, mine = self._watched.content
        return (
            grpc.ssl_channel_credentials(ca)
            if mine is None
            else grpc.ssl_channel_credentials(ca, mine.key, mine.certificate)
        )

    def context(self, protocol: str) -> ssl.SSLContext:
        """What Python's own connections want that are opened now.

        Args:
            protocol: what is spoken over them: ``h2`` or ``http/1.1``.

        Raises:
            OSError: the files cannot be read just now.
        """
        context = ssl.create_default_context(cadata=self._watched.content.ca.decode("ascii", "ignore"))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # gRPC is not that strict
        context.set_alpn_protocols([protocol])
        if self.files.certificate is not None:
            context.load_cert_chain(self.files.certificate, self.files.key)
        return context

    def stated_name(self, address: str) -> str:
        """For whom the certificate at an address must be, where that is stated; else empty."""
        return self._names.get(address, "")

    def name_at(self, address: str) -> str:
        """For whom the certificate at an address must be."""
        return self._names.get(address) or split_address(address)[0]

    def options(self, address: str) -> list[tuple[str, Any]]:
        """What gRPC is told of a channel to an address."""
        name = self._names.get(address)
        return [("grpc.ssl_target_name_override", name)] if name else []

    def follow(self, changed: Callable[[], None]) -> None:
        """Call this, in the thread of :func:`keep_fresh`'s loop, whenever other files are in force."""
        self._followers.append(changed)

    def leave(self, changed: Callable[[], None]) -> None:
        """Call it no more."""
        self._followers.remove(changed)

    def refresh(self) -> bool:
        """Read the files again where they have changed; it blocks."""
        return self._watched.refresh()

    def tell(self) -> None:
        """Tell the followers that other files are in force."""
        for changed in list(self._followers):
            changed()


class _Material(NamedTuple):
    ca: bytes
    mine: Identity | None

    @classmethod
    def read(cls, ca: bytes, certificate: bytes = b"", key: bytes = b"") -> _Material:
        certificates_in(ca)
        return cls(ca, Identity.read(certificate, key) if certificate or key else None)


class TokenFile:
    """A token that is sent with each call, from a file. It is shown nowhere.

    Args:
        path: the file, which holds the token and nothing else.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds no token.
    """

    def __init__(self, path: Path) -> None:
        self._file = WatchedFiles([path], _bearer)

    @property
    def metadata(self) -> tuple[str, str]:
        """What is sent."""
        return "authorization", self._file.content

    def refresh(self) -> bool:
        """Read the file again where it has changed; it blocks."""
        return self._file.refresh()

    def tell(self) -> None:
        """Nobody needs to be told: each call takes the token as it is then."""


def _bearer(content: bytes) -> str:
    token = content.decode().strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("it does not hold one token")
    return f"Bearer {token}"


class Refreshed(Protocol):
    """What is read again when it changes."""

    def refresh(self) -> bool:
        """Look, in any thread; whether other content is in force."""

    def tell(self) -> None:
        """Other content is in force."""


async def keep_fresh(sources: Sequence[Refreshed]) -> Never:
    """Look at these, for ever, and tell those who follow them what has changed."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for source in sources:
            if await asyncio.to_thread(source.refresh):
                source.tell()


def open_server_tls(certificate: Path | None, key: Path | None, ca: Path | None) -> ServerTls | None:
    """The TLS of the API; ``None`` where nothing is set.

    Raises:
        SettingsError: a file is missing or cannot be used.
    """
    if certificate is None and key is None and ca is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("ORCHESTRATOR_TLS_CERTIFICATE and ORCHESTRATOR_TLS_KEY are needed, both of them")
    try:
        return ServerTls(certificate, key, ca)
    except (OSError, ValueError) as error:
        raise SettingsError(f"ORCHESTRATOR_TLS_CERTIFICATE: {_told(error, certificate)}") from None


def open_client_tls(
    ca: Path | None, certificate: Path | None, key: Path | None, names: Mapping[str, str], *, prefix: str
) -> ClientTls | None:
    """TLS towards others; ``None`` where nothing is set.

    Args:
        ca: see :class:`ClientFiles`, as all but the last two.
        certificate: see there.
        key: see there.
        names: see :class:`ClientTls`.
        prefix: what the variables or options begin with, for the messages.

    Raises:
        SettingsError: a file is missing or cannot be used.
    """
    if ca is None:
        if certificate or key or names:
            raise SettingsError(f"{prefix}CA is needed: without it, nobody can be trusted, and there is no TLS")
        return None
    if (certificate is None) is not (key is None):
        raise SettingsError(f"{prefix}CERTIFICATE and {prefix}KEY are needed, both of them or neither")
    try:
        return ClientTls(ClientFiles(ca, certificate, key), names)
    except (OSError, ValueError) as error:
        where = ", ".join(str(path) for path in (ca, certificate, key) if path)
        raise SettingsError(f"{prefix}CA: {_told(error, where)}") from None


def open_token(path: Path, *, variable: str) -> TokenFile:
    """The token of a file.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return TokenFile(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{variable}: {_told(error, path)}") from None


def _told(error: OSError | ValueError, where: object) -> str:
    return str(error) if isinstance(error, OSError) else f"{where}: {error}"
