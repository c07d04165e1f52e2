"""Opens the queue that the settings describe.

| where the broker is | without encryption or a login      | with both |
|---------------------|------------------------------------|-----------|
| loopback            | used                               | used      |
| a network           | refused, but for ``INSECURE``      | used      |

A login is the file of ``NATS_LOGIN``, or the certificate of the service, which it shows over an encrypted connection.
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
    is_known = settings.nats_login is not None or (address.is_encrypted and settings.tls_certificate is not None)
    missing = [*([] if address.is_encrypted else ["encryption"]), *([] if is_known else ["a login"])]
    if missing and is_exposed(address.place):
        without = " and without ".join(missing)
        if not settings.insecure:
            raise StartupError(
                f"{prefix}NATS: {address.place} is reached over a network, without {without}; use tls:// and set "
                f"{prefix}NATS_LOGIN, or set {prefix}INSECURE=true where the network itself is safe"
            )
        logging.getLogger(__name__).warning("INSECURE: %s is used without %s", address.place, without)
    try:
        if settings.nats_login is not None:
            read_login(settings.nats_login)
    except (OSError, ValueError) as error:
        raise StartupError(f"{prefix}NATS_LOGIN: {error}") from error
    return CommandQueue(
        answering, address, settings.nats_login, _tls(settings, prefix) if address.is_encrypted else None
    )


def _tls(settings: Settings, prefix: str) -> ssl.SSLContext:
    """Whom this process trusts, and what it shows: the certificate that it shows to its callers, too."""
    try:
        context = ssl.create_default_context(cafile=settings.nats_ca)
    except OSError as error:  # which includes that it is no certificate
        raise StartupError(f"{prefix}NATS_CA: {settings.nats_ca}: {error}") from error
    if settings.tls_certificate is not None and settings.tls_key is not None:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
