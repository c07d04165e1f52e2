"""The observer that the environment asks for: one that traces, or one that costs nothing.

Where no traces are asked for, OpenTelemetry is not even imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from orchestrator.ports.observer import HoldingObserver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.journal.entries import Entry

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class ClosableObserver(HoldingObserver, Protocol):
    """An observer with an end."""

    async def close(self) -> bool:
        """Hand over what is still held back, in bounded time; whether all of it was. Nothing is observed any more."""


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


def wants_traces(environ: Mapping[str, str]) -> bool:
    """Whether the ``OTEL_*`` variables ask for traces: a collector is named, and nothing switches them off."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environ.get(name, "").strip() for name in ENDPOINTS)


def open_observability(environ: Mapping[str, str], addresses: Mapping[str, str] | None = None) -> ClosableObserver:
    """The observer of this process.

    Args:
        environ: the process's environment. The SDK reads the rest of its ``OTEL_*`` variables there by itself.
        addresses: ``host:port`` of the participants, by the full names of their services.

    Raises:
        SettingsError: one of those variables cannot be understood.
    """
    if not wants_traces(environ):
        return Unobserved()
    from orchestrator.observability.tracing import open_tracing  # noqa: PLC0415 - see the module's docstring

    return open_tracing(environ, addresses or {})
