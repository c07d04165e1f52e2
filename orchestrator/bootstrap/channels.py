"""The kinds of channel to a participant, and what secures them: one kind for each scheme of an address."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.replaceable_channel import ChannelSettings
from orchestrator.channels.grpc.securing import SecurityFiles, open_security
from orchestrator.channels.http.channel import HttpChannel
from orchestrator.channels.http.settings import HttpSettings
from orchestrator.channels.nats.channel import NatsChannel, NatsConnections, NatsSettings
from orchestrator.connections.nats_security import NatsSecurity
from orchestrator.contract.addresses import GRPC, HTTP, HTTPS, NATS, TLS
from orchestrator.participant.security.brokers import BrokerFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.channels.grpc.credentials import Security
    from orchestrator.ports.channel import Channel
    from orchestrator.settings import Settings


def security_of(settings: Settings, where: Mapping[str, str]) -> Security:
    """What the connections to participants at these addresses are secured with.

    Raises:
        SettingsError: see :func:`orchestrator.channels.grpc.securing.open_security`.
    """
    files = SecurityFiles(
        settings.participant_tls_ca,
        settings.participant_tls_certificate,
        settings.participant_tls_key,
        settings.participant_tls_names,
        settings.participant_tokens,
    )
    return open_security(files, where, insecure=settings.insecure)


def channel_kinds(
    settings: Settings, security: Security, replica: str = "nobody"
) -> dict[str, Callable[[str], Channel]]:
    """What opens a channel to a participant, by the scheme of its address; a replica is answered by its name.

    Raises:
        SettingsError: a file cannot be used.
    """
    over_nats = NatsSettings(
        nats_security(settings),
        replica,
        settings.nats_group,
        settings.nats_queue_seconds,
        settings.most_message_bytes,
        security.tokens,
    )
    connections = NatsConnections(over_nats.security)
    over_http = HttpSettings(settings.most_message_bytes, settings.http_idle_seconds, security.tls, security.tokens)
    return {
        GRPC: partial(GrpcChannel, settings=channel_settings(settings, security)),
        HTTP: partial(HttpChannel, HTTP, settings=over_http),
        HTTPS: partial(HttpChannel, HTTPS, settings=over_http),
        NATS: partial(NatsChannel, NATS, settings=over_nats, connections=connections),
        TLS: partial(NatsChannel, TLS, settings=over_nats, connections=connections),
    }


def channel_settings(settings: Settings, security: Security) -> ChannelSettings:
    """How participants are reached over gRPC."""
    return ChannelSettings(settings.most_message_bytes, settings.keepalive_seconds, security=security)


def nats_security(settings: Settings) -> NatsSecurity:
    """What connections to NATS are secured with.

    Raises:
        SettingsError: a file cannot be used.
    """
    files = BrokerFiles(settings.nats_ca, settings.nats_certificate, settings.nats_key, settings.nats_login)
    return NatsSecurity(files)
