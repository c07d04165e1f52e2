"""What tells the events of the outbox to the sinks that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.bootstrap.channels import nats_security
from orchestrator.events.opening import SinkFiles, open_sinks
from orchestrator.events.relays import Relays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.sink import Sink
    from orchestrator.settings import Settings

_DAY_SECONDS: Final = 86_400.0


def relays_of(settings: Settings, journal: Journal, clock: Clock, owner: str) -> Relays:
    """What tells the events of the outbox to the sinks.

    Raises:
        SettingsError: a sink cannot be used as it is set.
    """
    return Relays(
        journal,
        sinks_of(settings),
        clock,
        owner=owner,
        lease=settings.lease_seconds,
        give_up_after=settings.events_give_up_seconds,
        keep_for=settings.events_keep_days * _DAY_SECONDS,
    )


def sinks_of(settings: Settings) -> Sequence[Sink]:
    """Whom events are told to.

    Raises:
        SettingsError: a sink cannot be used as it is set.
    """
    files = SinkFiles(settings.events_secrets, settings.events_tls_ca)
    return open_sinks(settings.events_sinks, files, nats_security(settings), insecure=settings.insecure)
