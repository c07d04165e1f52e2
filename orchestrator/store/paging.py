"""Page tokens: where the next page starts, opaque to callers."""

from __future__ import annotations

import base64
import re

from orchestrator.errors import InvalidInput

_POSITION = re.compile(rb"[0-9]{1,18}")


def encode_page_token(position: int) -> str:
    """The token of a position."""
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def decode_page_token(token: str) -> int | None:
    """The position of a token; ``None`` for the first page, whose token is empty.

    Raises:
        InvalidInput: no store gave out this token.
    """
    if not token:
        return None
    try:
        position = base64.urlsafe_b64decode(token)
    except ValueError:
        position = b""
    if not _POSITION.fullmatch(position):
        raise InvalidInput(("page_token", "is not a token that a previous page gave out"))
    return int(position)
