"""Opens the queue that the settings describe.

| where the broker is | without encryption or a login      | with both |
|---------------------|------------------------------------|-----------|
| loopback            | used                               | used      |
| a network           | refused, but for ``INSECURE``      | used      |

Who may publish commands there, the broker decides: it should let the orchestrators do so, and nobody else.
"""

import logging
import ssl

from orchestrator.participant.exposure import is_exposed
from services.chassis.answering import Answering
from services.chassis.errors import StartupError
from services.chassis.over_nats.server import CommandQueue
from services.chassis.queue_address import QueueAddress, read_login
from services.chassis.settings import Settings


def open_queue(answering: Answering, settings: Settings, *, prefix: str) -> CommandQueue:
    """The queue at ``settings.nats``.

    Args:
        answering: answers its commands.
        settings: of the service.
        prefix: what its variables begin with, such as ``INVENTORY_``.

    Raises:
        StartupError: a file cannot be used, or the broker is reached over a network without encryption or a login.
    """
    address = QueueAddress.parse(settings.nats)
    missing = [*([] if address.is_encrypted else ["encryption"]), *([] if settings.nats_login else ["a login"])]
    if missing and is_exposed(address.place):
        without = " and without ".join(missing)
        if not settings.insecure:
            raise StartupError(
                f"{prefix}NATS: {address.place} is reached over a network, without {without}; use tls:// and set "
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
    return CommandQueue(answering, address, login, tls)
