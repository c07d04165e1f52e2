"""The log of an orchestrator process: one line per record on standard error."""

from __future__ import annotations

import logging
import time
from typing import Final

_FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)-8s %(name)s: %(saga)s%(message)s"
_FORMAT_OF_REPLICA: Final = "%(asctime)s.%(msecs)03dZ %(levelname)-8s [{}] %(name)s: %(saga)s%(message)s"
_DATE: Final = "%Y-%m-%dT%H:%M:%S"
# The control characters of ASCII (but not the tab) and of Latin-1, and the separators of lines and paragraphs.
_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_ESCAPED: Final = {code: repr(chr(code))[1:-1] for code in _CONTROLS if chr(code) != "\t"}


class SagaFormatter(logging.Formatter):
    r"""One line per record, in UTC; begins with the saga where the record has ``extra={"saga_id": ...}``.

    Line breaks, also those of a traceback, are written as ``\n``, so that every reader sees one line for a record. All
    other characters that control a terminal, or end a line for some reader, are escaped too.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self, replica: int | None = None) -> None:
        super().__init__(_FORMAT if replica is None else _FORMAT_OF_REPLICA.format(replica), _DATE)

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        saga_id = getattr(record, "saga_id", "")
        record.saga = f"saga {saga_id}: " if saga_id else ""
        return super().format(record).translate(_ESCAPED)


def configure_logs(level: str, replica: int | None = None) -> None:
    """Send every logger's records from this level on (``debug``, ``INFO``, ...) to standard error.

    Args:
        level: the name of the level.
        replica: which of several replicas that write to the same standard error this one is, from 1.

    Raises:
        ValueError: there is no such level.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(SagaFormatter(replica))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
