"""The observer that the environment asks for: one that traces, or one that costs nothing.

Where no traces are asked for, OpenTelemetry is not imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from orchestrator.observability.environment import wants_traces
from orchestrator.ports.observer import HoldingObserver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.journal.entries import Entry


class ClosableObserver(HoldingObserver, Protocol):
    """An observer with an end."""

    async def close(self) -> bool:
        """Hand over the spans that are held back, in bounded time, and stop observing; whether all were handed over."""


class Unobserved:
    """Observes nothing."""

    holds_back = False
    told_before = 0

    def samples(self, saga_id: str, traceparent: str) -> bool:  # noqa: ARG002 - the port's signature
        """No trace is exported."""
        return False

    def journalled(self, saga_id: str, entries: Sequence[Entry]) -> None:
        """Nothing is seen."""

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:
        """Nothing is seen."""

    async def close(self) -> bool:
        """Nothing is held back."""
        return True


def open_observability(environ: Mapping[str, str], addresses: Mapping[str, str] | None = None) -> ClosableObserver:
    """The observer of this process.

    Args:
        environ: the process's environment. Of it, the ``OTEL_*`` variables count.
        addresses: ``host:port`` of the participants, by the full names of their services.

    Raises:
        SettingsError: one of those variables cannot be understood.
    """
    if not wants_traces(environ):
        return Unobserved()
    from orchestrator.observability.tracing import open_tracing  # noqa: PLC0415 - see the module's docstring

    return open_tracing(environ, addresses or {})
