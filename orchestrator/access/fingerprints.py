"""Tokens that are kept only as fingerprints, so that a reader of the file of subjects can use none of them.

A token is 32 random bytes, which nobody can guess or try: a plain SHA-256 says all that is needed to recognise it, and
costs a microsecond on each call. A slow hash is for passwords, which people choose.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

PREFIX: Final = "saga_"
"""What a token begins with, so that tools that look for leaked secrets can find it."""

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")


def new_token() -> str:
    """A new token."""
    return f"{PREFIX}{secrets.token_urlsafe(32)}"


def fingerprint(token: str) -> str:
    """The SHA-256 of a token, 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_fingerprint(text: object) -> bool:
    """Whether it can be a fingerprint."""
    return isinstance(text, str) and _FINGERPRINT.fullmatch(text) is not None
