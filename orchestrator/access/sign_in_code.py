"""A code that stands for a token for a few minutes, so that a link can sign somebody in.

Purpose: who may read the state folder opens the console with one click. Invariant: the code tells nothing of the token,
and is good for nothing once it has expired.

The code is the instant at which it expires, and the HMAC of that with the token as the key. So nothing is kept: any
process that knows the token can make a code, and check one.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from urllib.parse import urlencode

from orchestrator.errors import NotAuthenticated

LIFE_SECONDS: Final = 600
"""How long a code is good for."""

_PURPOSE: Final = b"console sign-in "
_NANOSECONDS: Final = 1_000_000_000
_MOST_DIGITS: Final = 12


def sign_in_code(token: str, now: int) -> str:
    """A code for a token.

    Args:
        token: for which it stands.
        now: nanoseconds since the epoch, UTC.
    """
    expires_at = now // _NANOSECONDS + LIFE_SECONDS
    return f"{expires_at}.{_signature(token, expires_at)}"


def sign_in_link(console: str, token: str, now: int, *, page: str = "/", scheme: str = "http") -> str:
    """A link that signs in the person who opens it, for as long as its code is good.

    Args:
        console: ``host:port`` of the console.
        token: with which the link signs in.
        now: nanoseconds since the epoch, UTC.
        page: to which it leads.
        scheme: ``https`` where the console has TLS.
    """
    return f"{scheme}://{console}/sign-in?{urlencode({'code': sign_in_code(token, now), 'next': page})}"


def refuse_code(code: str, token: str, now: int) -> None:
    """Refuse a code that does not stand for a token now.

    Raises:
        NotAuthenticated: so it is.
    """
    said, _, signature = code.partition(".")
    expires_at = int(said) if said.isascii() and said.isdecimal() and len(said) <= _MOST_DIGITS else 0
    if not hmac.compare_digest(signature.encode(), _signature(token, expires_at).encode()):
        raise NotAuthenticated("CODE_NOT_KNOWN", "the link is not one of this orchestrator, or its token has changed")
    if now >= expires_at * _NANOSECONDS:
        raise NotAuthenticated("CODE_EXPIRED", "the link has expired; `orchestrator console` prints another")


def _signature(token: str, expires_at: int) -> str:
    return hmac.new(token.encode(), _PURPOSE + str(expires_at).encode(), hashlib.sha256).hexdigest()
