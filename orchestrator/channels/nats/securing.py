"""Refuses to send commands over a network that could read them, or to a broker that does not ask who we are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from orchestrator.connections.nats_security import PREFIX
from orchestrator.contract.addresses import is_loopback
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.channels.nats.channel import NatsChannel

_log = logging.getLogger(__name__)


def refuse_readable(channels: Mapping[str, NatsChannel], *, insecure: bool) -> None:
    """Check where the commands go.

    Args:
        channels: by the full name of each service that is reached over NATS.
        insecure: they may go there all the same; that is logged.

    Raises:
        SettingsError: a broker would be reached over a network without TLS, or without a login.
    """
    for server, known in sorted({(each.address.server, each.is_known) for each in channels.values()}):
        missing = [] if server.encrypted else ["TLS (tls:// in its address)"]
        missing += [] if known else [f"a login ({PREFIX}LOGIN, or {PREFIX}CERTIFICATE)"]
        if is_loopback(server.place) or not missing:
            continue
        if not insecure:
            raise SettingsError(
                f"NATS at {server.place} would be reached over a network without {' and '.join(missing)}; set what is "
                "missing, or say --insecure (ORCHESTRATOR_INSECURE=true) where the network itself is safe"
            )
        _log.warning("INSECURE: NATS at %s is reached without %s", server.place, " and ".join(missing))
