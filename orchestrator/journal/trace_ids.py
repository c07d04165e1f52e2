"""The ids of a saga's trace, derived and not drawn, so that every replica and every restart finds the same ones."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 0x01
ROOT = "saga"
"""The key of the root span, which no command can have: theirs hold a dot."""
STARTED = "started"
"""The key of the short span that shows a long saga at once."""


class TraceParent(NamedTuple):
    """A parsed W3C ``traceparent``: ids in lower-case hexadecimal digits."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(header: str) -> TraceParent | None:
    """The caller's trace context; ``None`` where there is none or it is malformed."""
    match = _TRACEPARENT.fullmatch(header)
    if match is None or not match[1].strip("0") or not match[2].strip("0"):
        return None
    return TraceParent(match[1], match[2], bool(int(match[3], 16) & _SAMPLED))


@lru_cache(maxsize=1024)  # each attempt of a saga asks
def trace_id(saga_id: str, traceparent: str) -> str:
    """The trace to which a saga belongs: the caller's, or one of its own; 32 hexadecimal digits."""
    caller = parse_traceparent(traceparent)
    return caller.trace_id if caller else blake2b(saga_id.encode(), digest_size=16).hexdigest()


def span_id(saga_id: str, key: str, attempt: int = 0) -> str:
    """The span of an attempt of a command, or of the saga's root; 16 hexadecimal digits."""
    return blake2b(f"{saga_id}|{key}|{attempt}".encode(), digest_size=8).hexdigest()


def attempt_traceparent(saga_id: str, traceparent: str, sampled: bool, key: str, attempt: int) -> str:
    """The trace context sent with an attempt; empty where there is none.

    A saga that is not exported hands on its caller's context, so that the participants' spans find a parent.
    """
    if not sampled:
        return traceparent
    return f"00-{trace_id(saga_id, traceparent)}-{span_id(saga_id, key, attempt)}-01"
