"""Opens the sinks that the settings name."""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.connections.nats import NatsConnection
from orchestrator.connections.nats_security import PREFIX, NatsSecurity, NatsServer
from orchestrator.connections.renewed_context import RenewedContext
from orchestrator.contract.addresses import TLS
from orchestrator.errors import SettingsError
from orchestrator.events.addresses import NATS, SinkAddress, read_address
from orchestrator.events.http.signing import SecretsFile, unsigned
from orchestrator.events.http.sink import Webhook
from orchestrator.events.nats.sink import NatsSink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.ports.sink import Sink

_log = logging.getLogger(__name__)

_PREFIX: Final = "ORCHESTRATOR_EVENTS_"


class SinkFiles(NamedTuple):
    """Where what sinks are secured with is kept.

    Attributes:
        secrets: of webhooks, by the sink's name.
        tls_ca: the authorities whose certificates webhooks must have; ``None`` for those that the machine trusts.
    """

    secrets: Mapping[str, Path]
    tls_ca: Path | None = None


def open_sinks(sinks: Mapping[str, str], files: SinkFiles, nats: NatsSecurity, *, insecure: bool) -> Sequence[Sink]:
    """The sinks; nothing is connected yet.

    Args:
        sinks: the address of each, by its name.
        files: what webhooks are secured with.
        nats: what connections to NATS are secured with.
        insecure: events may go over a network without TLS, or unsigned; that is logged.

    Raises:
        SettingsError: an address, a secret or a file cannot be used, or events would be open to a network.
    """
    addresses = [read_address(name, url) for name, url in sinks.items()]
    webhooks = {each.name for each in addresses if each.scheme not in NATS}
    if unused := sorted(set(files.secrets) - webhooks):
        raise SettingsError(f"{_PREFIX}SECRETS: {unused[0]} is no webhook of {_PREFIX}SINKS")
    return [
        (_nats_sink(each, nats, insecure=insecure) if each.scheme in NATS else _webhook(each, files, insecure=insecure))
        for each in addresses
    ]


def _nats_sink(address: SinkAddress, nats: NatsSecurity, *, insecure: bool) -> NatsSink:
    server = NatsServer(address.server, encrypted=address.scheme == TLS)
    missing = [] if server.encrypted else ["TLS (tls:// in its address)"]
    missing += [] if nats.is_known else [f"a login ({PREFIX}LOGIN, or {PREFIX}CERTIFICATE)"]
    if address.is_away and missing:
        _refuse_open(address, f"without {' and '.join(missing)}", insecure=insecure)
    return NatsSink(address, NatsConnection(server, nats, "orchestrator events"))


def _webhook(address: SinkAddress, files: SinkFiles, *, insecure: bool) -> Webhook:
    path = files.secrets.get(address.name)
    secrets = unsigned if path is None else SecretsFile(address.name, path).at
    is_open = address.scheme == "http"
    if address.is_away and (is_open or path is None):
        what = "without TLS" if is_open else f"unsigned: name its secret, {_PREFIX}SECRETS={address.name}=<file>"
        _refuse_open(address, what, insecure=insecure)
    return Webhook(address, secrets, None if is_open else _context(files.tls_ca))


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context() if ca is None else RenewedContext(ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{_PREFIX}TLS_CA: {ca}: {error}") from None


def _refuse_open(address: SinkAddress, what: str, *, insecure: bool) -> None:
    """Raises: SettingsError: events would leave the machine like this, and nobody has said that they may."""
    if not insecure:
        raise SettingsError(
            f"{_PREFIX}SINKS, {address.name}: events would be sent to {address.server} {what}; or say --insecure "
            "(ORCHESTRATOR_INSECURE=true) where the network itself is safe"
        )
    _log.warning("INSECURE: events are sent to %s %s", address.server, what)
