"""A row: the one shape in which every store keeps an entry.

It is flat, so that a store binds it as it is and nothing is serialized twice: requests and replies are the bytes that
went over the wire. What is rare is JSON in ``detail``.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """An entry as the stores keep it.

    Attributes:
        kind: which entry it is; the table of this package has them all.
        at: nanoseconds since the epoch, UTC.
        key: the command's key, where the entry is about one.
        method: the full name of the rpc, where the entry names one.
        effect: the number of the effect, where the entry states one.
        attempt: which attempt it was, where the entry is about one.
        started_at: when that attempt started, nanoseconds since the epoch, UTC.
        payload: a serialized request, reply, input or result.
        detail: everything else, as JSON.
    """

    kind: int
    at: int
    key: str | None = None
    method: str | None = None
    effect: int | None = None
    attempt: int | None = None
    started_at: int | None = None
    payload: bytes | None = None
    detail: str | None = None
