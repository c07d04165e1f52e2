"""Inputs, requests, replies and results as JSON, with what contracts call sensitive masked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from orchestrator.api.views.journal_view import shown
from orchestrator.contract.redaction import redacted
from orchestrator.errors import InvalidInput

if TYPE_CHECKING:
    from google.protobuf.message import Message

_UNSPEAKABLE = (json_format.Error, DecodeError, ValueError, TypeError, OverflowError, RecursionError)


def decoded(kind: type[Message] | None, serialized: bytes | None) -> str:
    """A message of the journal as JSON in several lines; empty where there is none, or its type is not known."""
    if kind is None or serialized is None:
        return ""
    message, unreadable = shown(kind, serialized)
    return unreadable if message is None else as_json(message)


def as_json(message: Message) -> str:
    """A message as JSON in several lines, masked; of one that JSON cannot express, its type and its size."""
    try:
        content = json_format.MessageToDict(redacted(message), preserving_proto_field_name=True)
    except _UNSPEAKABLE:
        return f"{message.DESCRIPTOR.full_name}, {message.ByteSize()} bytes"
    return json.dumps(content, ensure_ascii=False, indent=2)


def skeleton(kind: type[Message]) -> str:
    """The fields of a message, empty, to be filled in by a person."""
    content = json_format.MessageToDict(
        kind(), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(content, ensure_ascii=False, indent=2)


def from_json(text: str, kind: type[Message], field: str) -> Message:
    """A message that a person has written as JSON.

    Args:
        text: the JSON; nothing stands for an empty message.
        kind: the generated class of the message.
        field: of the form.

    Raises:
        InvalidInput: it is no such message.
    """
    message = kind()
    try:
        json_format.Parse(text.strip() or "{}", message)
    except json_format.ParseError as error:
        why = f"is no {kind.DESCRIPTOR.full_name}: {' '.join(str(error).split())}"
        raise InvalidInput((field, why)) from None
    return message
