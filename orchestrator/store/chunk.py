"""The entries of one append as a database keeps them: MessagePack, a list of rows of the codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from orchestrator.journal.codec import Row, decode, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry


def pack(entries: Sequence[Entry]) -> bytes:
    """The chunk that holds these entries."""
    packed: bytes = msgpack.packb([encode(entry) for entry in entries])
    return packed


def unpack(chunk: bytes) -> list[Entry]:
    """The entries of a chunk."""
    return [decode(Row._make(row)) for row in msgpack.unpackb(chunk)]
