"""The entries of one append as a database keeps them: MessagePack, a list of rows of the codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from orchestrator.journal.codec import Row, decode, encode
from orchestrator.journal.entries import SagaStarted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry


def pack(entries: Sequence[Entry]) -> bytes:
    """The chunk that holds these entries."""
    packed: bytes = msgpack.packb([encode(entry) for entry in entries])
    return packed


def first_input(chunk: bytes) -> bytes:
    """The input of a saga, from the first chunk of its journal."""
    first = decode(Row._make(msgpack.unpackb(chunk)[0]))
    assert isinstance(first, SagaStarted), "a journal begins with the start"
    return first.input


def unpack(chunk: bytes) -> list[Entry]:
    """The entries of a chunk."""
    return [decode(Row._make(row)) for row in msgpack.unpackb(chunk)]
