"""How a broker lets this process in, as the settings say.

| where the broker is | without encryption or a login      | with both |
|---------------------|------------------------------------|-----------|
| loopback            | used                               | used      |
| a network           | refused, but for ``INSECURE``      | used      |
"""

import logging
import ssl
from typing import NamedTuple

from orchestrator.participant.exposure import is_exposed
from services.chassis.errors import StartupError
from services.chassis.queue_address import QueueAddress, read_login
from services.chassis.settings import Settings


class QueueLogin(NamedTuple):
    """What a client tells the broker.

    Attributes:
        options: see ``read_login``.
        tls: for an encrypted connection; else ``None``.
    """

    options: dict[str, str]
    tls: ssl.SSLContext | None


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
    missing = [*([] if address.is_encrypted else ["encryption"]), *([] if settings.nats_login else ["a login"])]
    if missing and is_exposed(address.place):
        without = " and without ".join(missing)
        if not settings.insecure:
            raise StartupError(
                f"{variable}: {address.place} is reached over a network, without {without}; use tls:// and set "
                f"{prefix}NATS_LOGIN, or set {prefix}INSECURE=true where the network itself is safe"
            )
        logging.getLogger(__name__).warning("INSECURE: %s is used without %s", address.place, without)
    try:
        login = read_login(settings.nats_login) if settings.nats_login else {}
    except (OSError, ValueError) as error:
        raise StartupError(f"{prefix}NATS_LOGIN: {error}") from error
    try:
        tls = ssl.create_default_context(cafile=settings.nats_ca) if address.is_encrypted else None
    except OSError as error:  # which includes that it is no certificate
        raise StartupError(f"{prefix}NATS_CA: {settings.nats_ca}: {error}") from error
    return QueueLogin(login, tls)
