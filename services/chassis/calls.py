"""Which call is answered at this moment, for the log: every record of it names its saga and its trace."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from orchestrator.participant.metadata import CallMetadata

TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
"""The caller's span, as W3C trace context writes it."""

_current: Final[ContextVar[Mapping[str, object]]] = ContextVar("current_call")
_NONE: Final[Mapping[str, object]] = {}


@contextmanager
def during(metadata: CallMetadata, trace_id: str, span_id: str) -> Iterator[None]:
    """What is logged in this block is about this call.

    Args:
        metadata: of the call.
        trace_id: its trace, hexadecimal digits; empty where it has none.
        span_id: its span, likewise.
    """
    known = {"saga.id": metadata.saga_id, "trace_id": trace_id, "span_id": span_id}
    token = _current.set({name: value for name, value in known.items() if value})
    try:
        yield
    finally:
        _current.reset(token)


def about(_record: logging.LogRecord) -> Mapping[str, object]:
    """The fields of a record that is written now."""
    return _current.get(_NONE)


def current_traceparent(metadata: CallMetadata) -> str:
    """The span of the call that is answered now, as W3C trace context writes it; empty where there is none."""
    call = _current.get(_NONE)
    if "span_id" not in call:
        return ""
    caller = TRACEPARENT.fullmatch(metadata.traceparent or "")
    return f"00-{call['trace_id']}-{call['span_id']}-{caller[3] if caller else '01'}"
