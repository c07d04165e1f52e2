"""How a broker lets this process in, as the settings say.

| where the broker is | without encryption or a login      | with both |
|---------------------|------------------------------------|-----------|
| loopback            | used                               | used      |
| a network           | refused, but for ``INSECURE``      | used      |

A login is the file of ``NATS_LOGIN``, or the certificate of the service, which it shows over an encrypted connection.
"""

import logging

from orchestrator.participant.security.brokers import BrokerAccess, BrokerFiles
from orchestrator.participant.security.exposure import is_exposed
from services.chassis.errors import StartupError
from services.chassis.queue_address import QueueAddress
from services.chassis.settings import Settings


def queue_login(address: QueueAddress, settings: Settings, *, variable: str, prefix: str) -> BrokerAccess:
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
    try:
        login = BrokerAccess(BrokerFiles(login=settings.nats_login))
    except (OSError, ValueError) as error:
        raise StartupError(f"{prefix}NATS_LOGIN: {error}") from error
    if not address.is_encrypted:
        return login
    files = BrokerFiles(settings.nats_ca, settings.tls_certificate, settings.tls_key, settings.nats_login)
    try:
        return BrokerAccess(files, encrypted=True)
    except (OSError, ValueError) as error:  # which includes that it is no certificate
        raise StartupError(f"{prefix}NATS_CA: {settings.nats_ca}: {error}") from error
