"""How a broker lets this process in, as the settings say.

| where the broker is | without encryption or a login      | with both |
|---------------------|------------------------------------|-----------|
| loopback            | used                               | used      |
| a network           | refused, but for ``INSECURE``      | used      |

A login is the file of ``NATS_LOGIN``, or the certificate of the service, which it shows over an encrypted connection.
"""

import logging
import ssl
from pathlib import Path
from typing import NamedTuple

from orchestrator.participant.exposure import is_exposed
from services.chassis.errors import StartupError
from services.chassis.queue_address import QueueAddress, read_login
from services.chassis.settings import Settings


class QueueLogin(NamedTuple):
    """What a client tells the broker.

    Attributes:
        file: see ``read_login``; ``None`` for none. It is read at each connection.
        tls: for an encrypted connection; else ``None``.
    """

    file: Path | None = None
    tls: ssl.SSLContext | None = None

    def options(self) -> dict[str, str]:
        """See ``read_login``, which raises the same."""
        return {} if self.file is None else read_login(self.file)


def queue_login(address: QueueAddress, settings: Settings, *, variable: str, prefix: str) -> QueueLogin:
    """The login for the broker at ``address``.

    Args:
        address: of the broker.
        settings: of the service.
        variable: which setting says the address.
        prefix: what the service's variables begin with, such as ``INVENTORY_``.

    Raises:
        StartupError: a file cannot be used, or the broker is reached over a network without encryption or a login.
    """
    is_known = settings.nats_login is not None or (address.is_encrypted and settings.tls_certificate is not None)
    missing = [*([] if address.is_encrypted else ["encryption"]), *([] if is_known else ["a login"])]
    if missing and is_exposed(address.place):
        without = " and without ".join(missing)
        if not settings.insecure:
            raise StartupError(
                f"{variable}: {address.place} is reached over a network, without {without}; use tls:// and set "
                f"{prefix}NATS_LOGIN, or set {prefix}INSECURE=true where the network itself is safe"
            )
        logging.getLogger(__name__).warning("INSECURE: %s is used without %s", address.place, without)
    login = QueueLogin(settings.nats_login, _tls(settings, prefix) if address.is_encrypted else None)
    try:
        login.options()
    except (OSError, ValueError) as error:
        raise StartupError(f"{prefix}NATS_LOGIN: {error}") from error
    return login


def _tls(settings: Settings, prefix: str) -> ssl.SSLContext:
    """Whom this process trusts, and what it shows: the certificate that it shows to its callers, too."""
    try:
        context = ssl.create_default_context(cafile=settings.nats_ca)
    except OSError as error:  # which includes that it is no certificate
        raise StartupError(f"{prefix}NATS_CA: {settings.nats_ca}: {error}") from error
    if settings.tls_certificate is not None and settings.tls_key is not None:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
