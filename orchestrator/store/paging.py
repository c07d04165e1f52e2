"""Page tokens: where the next page starts, opaque to callers."""

from __future__ import annotations

import base64
import binascii

from orchestrator.errors import InvalidInput


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
        return int(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error):
        raise InvalidInput(("page_token", "is not a token that a previous page gave out")) from None
