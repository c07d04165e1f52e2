"""Log records as JSON, one object a line, under the names of OpenTelemetry's logs: for participants in Python, too.

    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())

A formatter of the standard library, because every part of a process logs through it, gRPC and the drivers included; a
library that wraps loggers would see its own records alone. What a record says can end no line, and forge none: JSON
escapes every control character, and here every letter beyond ASCII as well.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

_SEVERITIES: Final = (
    (logging.CRITICAL, "FATAL", 21),
    (logging.ERROR, "ERROR", 17),
    (logging.WARNING, "WARN", 13),
    (logging.INFO, "INFO", 9),
    (logging.DEBUG, "DEBUG", 5),
    (logging.NOTSET, "TRACE", 1),
)


def _nothing(_record: logging.LogRecord) -> Mapping[str, object]:
    return {}


class JsonLines(logging.Formatter):
    """Writes each record as one JSON object.

    Args:
        about: further fields of a record, such as ``trace_id`` and ``saga.id``.
    """

    def __init__(self, about: Callable[[logging.LogRecord], Mapping[str, object]] = _nothing) -> None:
        super().__init__()
        self._about = about

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        text, number = next((text, number) for level, text, number in _SEVERITIES if record.levelno >= level)
        fields: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "severity_text": text,
            "severity_number": number,
            "body": record.getMessage(),
            "logger": record.name,
            **self._about(record),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and record.exc_info:
            fields["exception.type"] = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
            fields["exception.message"] = str(error)
            fields["exception.stacktrace"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["code.stacktrace"] = record.stack_info
        return json.dumps(fields, default=str)
