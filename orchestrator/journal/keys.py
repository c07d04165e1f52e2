"""Keys and ids that stay within what APIs and participants take, however deep scopes and children are nested.

A key names its whole path, so it grows with every scope and every child. Beyond a length its middle gives way to a hash
of the whole: the same path leads to the same key in every process, and beginning and end can still be read. What an
earlier version has journalled in full keeps its full name: ask the journal before you shorten a key.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

LONGEST_KEY: Final = 500
"""Characters of the key of a command, as the operators' API takes it."""
LONGEST_SAGA_ID: Final = 200
"""Characters of the id of a saga, as the operators' API takes it."""

_HEAD: Final = 40
"""Characters that are kept of the beginning: of a child's id, those of the saga from which all of them come."""
_DIGEST_BYTES: Final = 16


def bounded(key: str, longest: int) -> str:
    """The key itself, or one of at most so many characters that stands for it."""
    if len(key) <= longest:
        return key
    digest = blake2b(key.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    head = f"{key[:_HEAD]}~{digest}~"
    return head + key[len(head) - longest :]


def idempotency_key(saga_id: str, key: str) -> str:
    """What a participant sees: the same for every attempt, after every restart and from every replica."""
    return f"{saga_id}/{key}"


_COMPENSATION = "compensation:"


def compensation_key(key: str) -> str:
    """The key of the compensation of the command with this key."""
    return _COMPENSATION + key
