"""The log of an orchestrator process: one line per record on standard error, for people or as JSON."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from orchestrator.definition.context import running_saga
from orchestrator.journal.logged import SAGA_ID, TRACEPARENT
from orchestrator.journal.trace_ids import parse_traceparent
from orchestrator.observability import names
from orchestrator.participant.json_lines import JsonLines

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT: Final = "text"
JSON: Final = "json"

_FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)-8s %(name)s: %(saga)s%(message)s"
_FORMAT_OF_REPLICA: Final = "%(asctime)s.%(msecs)03dZ %(levelname)-8s [{}] %(name)s: %(saga)s%(message)s"
_DATE: Final = "%Y-%m-%dT%H:%M:%S"
# The control characters of ASCII (but not the tab) and of Latin-1, and the separators of lines and paragraphs.
_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_ESCAPED: Final = {code: repr(chr(code))[1:-1] for code in _CONTROLS if chr(code) != "\t"}


class SagaFormatter(logging.Formatter):
    r"""One line per record, in UTC; begins with the saga that it is about, where its message does not name it.

    Line breaks, also those of a traceback, are written as ``\n``, so that every reader sees one line for a record. All
    other characters that control a terminal, or end a line for some reader, are escaped too.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self, replica: int | None = None) -> None:
        super().__init__(_FORMAT if replica is None else _FORMAT_OF_REPLICA.format(replica), _DATE)

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        saga_id, _ = _saga_of(record)
        record.saga = f"saga {saga_id}: " if saga_id and saga_id not in record.getMessage() else ""
        return super().format(record).translate(_ESCAPED)


def about(record: logging.LogRecord, replica: int | None = None) -> Mapping[str, object]:
    """The fields of a record by which it is found beside its saga and in its trace."""
    saga_id, traceparent = _saga_of(record)
    fields: dict[str, object] = {}
    if saga_id:
        fields[names.SAGA_ID] = saga_id
    if (context := parse_traceparent(traceparent)) is not None:
        fields |= {names.LOGGED_TRACE: context.trace_id, names.LOGGED_SPAN: context.span_id}
    if replica is not None:
        fields[names.LOGGED_REPLICA] = replica
    return fields


def configure_logs(level: str, replica: int | None = None, form: str = TEXT) -> None:
    """Send every logger's records from this level on (``debug``, ``INFO``, ...) to standard error.

    Args:
        level: the name of the level.
        replica: which of several replicas that write to the same standard error this one is, from 1.
        form: ``text`` or ``json``.

    Raises:
        ValueError: there is no such level.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(SagaFormatter(replica) if form == TEXT else JsonLines(partial(about, replica=replica)))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def _saga_of(record: logging.LogRecord) -> tuple[str, str]:
    """The id of the saga that a record is about, and its trace context; each empty where there is none.

    It is the one that the record names, else the one whose code is running.
    """
    if saga_id := getattr(record, SAGA_ID, ""):
        return saga_id, getattr(record, TRACEPARENT, "")
    running = running_saga.get(None)
    return ("", "") if running is None else (running.saga_id, running.traceparent)
