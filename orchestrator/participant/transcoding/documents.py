"""JSON documents in UTF-8: requests are written the same at each time, so that they are sent again byte for byte."""

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from orchestrator.participant.transcoding.errors import UnfitMessageError, UnreadableError
from orchestrator.participant.transcoding.faults import JsonErrors


def document_of(message: Message, *, is_whole: bool = False) -> dict[str, Any]:
    """A message as a JSON document; ``is_whole``: with the fields that have their default.

    Raises:
        UnfitMessageError: JSON has no form for a value of it.
    """
    pool: Any = message.DESCRIPTOR.file.pool
    try:
        return json_format.MessageToDict(message, always_print_fields_with_no_presence=is_whole, descriptor_pool=pool)
    except JsonErrors as error:
        raise UnfitMessageError("", f"cannot be written as JSON: {error}") from error


def written(document: object, *, is_sorted: bool = False) -> bytes:
    """The document in bytes.

    Args:
        document: what JSON can say.
        is_sorted: by names, so that equal messages are equal bytes; otherwise names are in the contract's order.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=is_sorted).encode()


def read(content: bytes) -> object:
    """The document that bytes say.

    Raises:
        UnreadableError: they are no JSON in UTF-8, or name a field twice.
    """
    try:
        return json.loads(content.decode(), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("", f"the body is no JSON: {error}") from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is given more than once")
    return document
