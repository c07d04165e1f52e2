"""Connects to a Temporal cluster: over TLS and with a key, or on this machine without either."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from temporalio.client import Client
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import TLSConfig

from orchestrator.errors import JournalUnavailable, SettingsError
from orchestrator.participant.security.exposure import is_exposed

if TYPE_CHECKING:
    from pathlib import Path

SCHEME: Final = "temporal"
_PORT: Final = 7233


class Place(NamedTuple):
    """Where a cluster is.

    Attributes:
        target: ``host:port``.
        namespace: on it.
    """

    target: str
    namespace: str

    @classmethod
    def of(cls, url: str) -> Place:
        """The place that ``temporal://host:7233/namespace`` names.

        Raises:
            SettingsError: it names none.
        """
        parts = urlsplit(url)
        namespace = parts.path.strip("/")
        if parts.scheme != SCHEME or not parts.hostname or "/" in namespace:
            raise SettingsError(f"{url!r} is not temporal://host:7233/namespace")
        return cls(f"{parts.hostname}:{parts.port or _PORT}", namespace or "default")


class ClusterFiles(NamedTuple):
    """The files of a connection to a cluster; each may be missing.

    Attributes:
        ca: the authorities whose certificates are trusted; with it, the connection is over TLS.
        certificate: our own, with the chain.
        key: its private key, without a password.
        token: holds the API key that is sent.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token: Path | None = None

    @property
    def tls(self) -> TLSConfig | None:
        """What the client is told of TLS. An API key is sent over TLS alone."""
        if not any((self.ca, self.certificate, self.token)):
            return None
        ca, certificate, key = (None if path is None else path.read_bytes() for path in self[:3])
        return TLSConfig(server_root_ca_cert=ca, client_cert=certificate, client_private_key=key)


async def connect(url: str, files: ClusterFiles | None = None, *, insecure: bool = False) -> Client:
    """The client of a cluster.

    Args:
        url: where it is.
        files: of the connection.
        insecure: another machine may be reached without TLS.

    Raises:
        SettingsError: the URL names none, a file cannot be read, or a network would see what is sent.
        JournalUnavailable: it cannot be reached.
    """
    place, files = Place.of(url), files or ClusterFiles()
    try:
        tls = files.tls
        token = None if files.token is None else files.token.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"ORCHESTRATOR_ENGINE_TLS_CA and its like: {error}") from None
    if tls is None and is_exposed(place.target) and not insecure:
        raise SettingsError(
            f"ORCHESTRATOR_ENGINE: {place.target} is not this machine, and is to be reached without TLS; set "
            "ORCHESTRATOR_ENGINE_TLS_CA, or ORCHESTRATOR_INSECURE=true"
        )
    try:
        return await Client.connect(
            place.target, namespace=place.namespace, tls=tls or False, api_key=token, runtime=_runtime()
        )
    except RuntimeError as error:
        raise JournalUnavailable(f"the Temporal server at {place.target} cannot be reached: {error}") from error


@functools.cache
def _runtime() -> Runtime:
    """The runtime of this process's clients: what it has to say goes into our log, and not to stdout."""
    log = LogForwardingConfig(logging.getLogger("orchestrator.engine.temporal.client"), append_target_to_name=False)
    wanted = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=log)
    return Runtime(telemetry=TelemetryConfig(logging=wanted))
