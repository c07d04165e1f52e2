"""What connections to NATS are secured with: TLS, and who we are. The files are read anew for each connection.

| what                               | is said by                                                                 |
|------------------------------------|----------------------------------------------------------------------------|
| TLS                                | the address: ``tls://host:4222/prefix``, and not ``nats://…``              |
| whom we trust                      | ``ORCHESTRATOR_NATS_CA``; without, the authorities that the machine trusts |
| who we are, by a certificate       | ``ORCHESTRATOR_NATS_CERTIFICATE`` and ``ORCHESTRATOR_NATS_KEY``            |
| who we are, otherwise              | ``ORCHESTRATOR_NATS_LOGIN``, a file                                        |

:mod:`orchestrator.participant.security.brokers` says what the file of the login holds.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.addresses import is_loopback
from orchestrator.errors import SettingsError
from orchestrator.participant.security.brokers import BrokerAccess, BrokerFiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

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


class NatsSecurity:
    """What connections to NATS are secured with.

    Args:
        files: where it is kept.

    Raises:
        SettingsError: a file cannot be used.
    """

    def __init__(self, files: BrokerFiles = BrokerFiles()) -> None:  # noqa: B008 - it cannot be changed
        self._files = files
        if (files.certificate is None) is not (files.key is None):
            raise SettingsError(f"{PREFIX}CERTIFICATE and {PREFIX}KEY are needed, both of them or neither")
        try:
            BrokerAccess(BrokerFiles(login=files.login))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{PREFIX}LOGIN: {files.login}: {getattr(error, 'strerror', None) or error}") from None
        self.access(encrypted=files.ca is not None or files.certificate is not None)

    @property
    def names_authorities(self) -> bool:
        """It is said whom we trust: what has no scheme of its own for TLS uses it then."""
        return self._files.ca is not None

    @property
    def is_known(self) -> bool:
        """The server can tell who we are."""
        return self._files.certificate is not None or self._files.login is not None

    @property
    def stated(self) -> str:
        """By what the server is to know us, for people."""
        shown = {f"{PREFIX}LOGIN": self._files.login, f"{PREFIX}CERTIFICATE": self._files.certificate}
        return " and ".join(f"{name}={path}" for name, path in shown.items() if path) or f"no {PREFIX}LOGIN is set"

    def access(self, *, encrypted: bool) -> BrokerAccess:
        """What one connection is secured with.

        Raises:
            SettingsError: a file cannot be used.
        """
        try:
            return BrokerAccess(self._files, encrypted=encrypted)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{PREFIX}…: {error}") from None


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
