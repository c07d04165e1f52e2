"""The observer that the environment asks for: one that traces or measures or both, or one that costs nothing.

Where neither traces nor metrics are asked for, OpenTelemetry is not imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.observability.environment import wants_metrics, wants_traces
from orchestrator.observability.observing import ClosableObserver, Unobserved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.observability.door import Door


def open_observability(
    environ: Mapping[str, str], addresses: Mapping[str, str] | None = None, door: Door | None = None
) -> ClosableObserver:
    """The observer of this process.

    Args:
        environ: the process's environment. Of it, the ``OTEL_*`` variables count.
        addresses: ``host:port`` of the participants, by the full names of their services.
        door: where metrics can be read; ``None`` for nowhere.

    Raises:
        SettingsError: one of those variables cannot be understood, or the door cannot be opened.
    """
    observer: ClosableObserver = Unobserved()
    if wants_traces(environ):
        from orchestrator.observability.traces.tracing import open_tracing  # noqa: PLC0415 - see the module's docstring

        observer = open_tracing(environ, addresses or {})
    if door is not None or wants_metrics(environ):
        from orchestrator.observability.metrics.measuring import open_measuring  # noqa: PLC0415 - likewise

        observer = open_measuring(observer, environ, addresses or {}, door)
    return observer
