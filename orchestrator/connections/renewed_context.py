"""Whom a client trusts, by a file that is read anew for each connection.

A client over HTTP keeps the context that it was made with. So this one hands each handshake on to a context that is
made of what the file holds now; what cannot be used is logged, and what was there before stays in force.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Self

from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from pathlib import Path


class RenewedContext(ssl.SSLContext):
    """Trusts the authorities in a file, as they are at each handshake.

    Args:
        ca: the file, in PEM.

    Raises:
        OSError: it cannot be read, or is no certificate.
    """

    def __new__(cls, ca: Path) -> Self:  # noqa: D102, ARG004 - the base is made here
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, ca: Path) -> None:
        self._watched = WatchedFiles([ca], lambda _content: ssl.create_default_context(cafile=ca))

    def wrap_bio(self, *given: Any, **options: Any) -> ssl.SSLObject:  # noqa: ANN401 - as the base takes them
        """Begin a handshake; asyncio asks for each in this way."""
        self._watched.refresh()
        return self._watched.content.wrap_bio(*given, **options)
