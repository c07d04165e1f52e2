"""What the ``OTEL_*`` variables ask for. The SDK reads the rest of them by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def wants_traces(environ: Mapping[str, str]) -> bool:
    """Whether traces are asked for: a collector is named, and nothing switches them off."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return bool(collector(environ))


def collector(environ: Mapping[str, str]) -> str:
    """The URL or ``host:port`` of the collector, where the SDK looks for it too; empty where none is named."""
    named = (environ.get(name, "").strip() for name in _ENDPOINTS)
    return next(filter(None, named), "")
