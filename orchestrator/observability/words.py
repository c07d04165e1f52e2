"""What the SDK's exporters say about a failure: they say it at each attempt, and we say it once."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SDK_LOG: Final = logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter")


class LastWords(logging.Filter):
    """Keeps an exporter's latest message instead of logging it."""

    last = "refused"

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear what the exporter says in this block."""
        _SDK_LOG.addFilter(self)
        try:
            yield
        finally:
            _SDK_LOG.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Nothing is logged."""
        self.last = record.getMessage()
        return False
