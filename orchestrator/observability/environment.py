"""What the ``OTEL_*`` variables ask for. The SDK reads the rest of them by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_ALL: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_INTERVAL: Final = "OTEL_METRIC_EXPORT_INTERVAL"
_TEMPORALITY: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"


def wants_traces(environ: Mapping[str, str]) -> bool:
    """Whether traces are asked for: a collector is named, and nothing switches them off."""
    return bool(collector(environ)) and not _is_off(environ, "OTEL_TRACES_EXPORTER")


def wants_metrics(environ: Mapping[str, str]) -> bool:
    """Whether metrics are to be sent: likewise."""
    return bool(metrics_collector(environ)) and not _is_off(environ, "OTEL_METRICS_EXPORTER")


def collector(environ: Mapping[str, str]) -> str:
    """The URL or ``host:port`` of the collector, where the SDK looks for it too; empty where none is named."""
    return _first(environ, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", _OF_ALL)


def metrics_collector(environ: Mapping[str, str]) -> str:
    """The same of the collector of metrics."""
    return _first(environ, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", _OF_ALL)


def wants_delta(environ: Mapping[str, str]) -> bool:
    """Whether the collector is told what has come since the last time, and not since the process began."""
    return environ.get(_TEMPORALITY, "").strip().lower() in {"delta", "lowmemory"}


def export_interval(environ: Mapping[str, str]) -> float:
    """How many seconds lie between two times at which metrics are sent.

    Raises:
        SettingsError: the variable is not a positive whole number of milliseconds.
    """
    text = environ.get(_INTERVAL, "").strip() or "60000"
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"{_INTERVAL} must be a positive whole number of milliseconds, not {text!r}")
    return int(text) / 1000


def _is_off(environ: Mapping[str, str], exporter: str) -> bool:
    is_disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return is_disabled or environ.get(exporter, "").strip().lower() == "none"


def _first(environ: Mapping[str, str], *variables: str) -> str:
    named = (environ.get(name, "").strip() for name in variables)
    return next(filter(None, named), "")
