"""Shows inputs, requests and replies as JSON, with types that the orchestrator tells.

The orchestrator knows every contract that its sagas use, and shows it through server reflection, so the command line
needs no stubs.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from google.protobuf import json_format, text_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from orchestrator.channels.grpc.reflection import declarations
from orchestrator.cli.output.exit import refuse
from orchestrator.cli.output.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    import grpc.aio
    from google.protobuf.descriptor import Descriptor, MethodDescriptor
    from google.protobuf.descriptor_pool import DescriptorPool


_UNSPEAKABLE: Final = (json_format.Error, DecodeError, ValueError, TypeError, OverflowError, RecursionError)


_SAID: Final = (
    (re.compile(r"Failed to parse (\S+) field: expected string or bytes-like object, got .*"), r"\1: must be text"),
    (re.compile(r"Failed to parse (\S+) field: "), r"\1: "),
)


class Payloads:
    """Writes messages as JSON.

    Args:
        types: the types that the orchestrator has told.
    """

    def __init__(self, types: DescriptorPool) -> None:
        self._types = types

    @classmethod
    async def known_at(cls, channel: grpc.aio.Channel, messages: Iterable[AnyMessage]) -> Payloads:
        """A writer of these messages, whose types are asked for in one call."""
        return cls(await declarations(channel, sorted({message.TypeName() for message in messages} - {""})))

    def as_json(self, packed: AnyMessage) -> str:
        """The message in one line; of a message of unknown type, the type and the size."""
        try:
            kind = GetMessageClass(self._types.FindMessageTypeByName(packed.TypeName()))
            content = json_format.MessageToDict(
                kind.FromString(packed.value), preserving_proto_field_name=True, descriptor_pool=self._types
            )
            return visible(json.dumps(content, ensure_ascii=False))
        except KeyError:
            return f"{packed.TypeName()}, {len(packed.value)} bytes"
        except _UNSPEAKABLE:
            # JSON cannot express the content: an Any of unknown type, an instant out of range, NaN in a Struct.
            return self._as_text(packed)

    def _as_text(self, packed: AnyMessage) -> str:
        """The message in protobuf's text format; of an unreadable message, the type and the size."""
        try:
            content = GetMessageClass(self._types.FindMessageTypeByName(packed.TypeName())).FromString(packed.value)
            return visible(text_format.MessageToString(content, as_utf8=True, as_one_line=True))
        except (*_UNSPEAKABLE, KeyError):
            return f"{packed.TypeName()}, {len(packed.value)} bytes"


async def reply_from_json(channel: grpc.aio.Channel, method: str, text: str) -> AnyMessage:
    """The reply of an rpc, written as JSON.

    Args:
        channel: to the orchestrator, which knows the contract.
        method: the full name of the rpc.
        text: the JSON.

    Raises:
        typer.Exit: with code 1, the orchestrator does not know the contract; with code 2, this is no such reply.
    """
    types = await declarations(channel, [method.rpartition(".")[0]])
    try:
        rpc: MethodDescriptor = types.FindMethodByName(method)
    except KeyError:
        refuse(f"the orchestrator does not know the contract of {method}", code=1)
    return _packed(text, rpc.output_type, types, "--reply-json")


async def self_named_from_json(channel: grpc.aio.Channel, text: str, option: str) -> AnyMessage:
    """A message, written as JSON that names its type as ``@type``.

    Args:
        channel: to the orchestrator, which knows the type.
        text: the JSON.
        option: of the command line, for messages.

    Raises:
        typer.Exit: with code 2, this is no such message, or the orchestrator does not know the type.
    """
    try:
        content = json.loads(text)
        name = content.pop("@type").rpartition("/")[2]
    except (ValueError, AttributeError, KeyError, TypeError):
        refuse(f'{option}: expected JSON that names its type, such as {{"@type": "type.googleapis.com/trip.v1.Trip"}}')
    return await message_from_json(channel, name, json.dumps(content), option)


async def input_from_json(channel: grpc.aio.Channel, name: str, text: str) -> AnyMessage:
    """The input of a saga, written as JSON that may name its type, which is the one with this full name.

    Args:
        channel: to the orchestrator, which knows the type.
        name: the full name of the type.
        text: the JSON.

    Raises:
        typer.Exit: with code 2, this is no such message.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        refuse(f"--input: this is no JSON: {error}")
    if not isinstance(content, dict):
        refuse(f'--input: expected an object with the fields of {name}, such as {{"…": …}}')
    stated = str(content.pop("@type", name)).rpartition("/")[2]
    if stated != name:
        refuse(f"--input: it is a {stated}; this saga takes a {name}")
    return await message_from_json(channel, name, json.dumps(content), "--input")


async def message_from_json(channel: grpc.aio.Channel, name: str, text: str, option: str) -> AnyMessage:
    """A message of the type with this full name, written as JSON; the rest is as above."""
    types = await declarations(channel, [name])
    try:
        kind = types.FindMessageTypeByName(name)
    except KeyError:
        refuse(f"{option}: the orchestrator does not know the type {name}")
    return _packed(text, kind, types, option)


def _in_words(told: str) -> str:
    """What the library says of a field, in words for people."""
    told = " ".join(told.split())
    for said, in_words in _SAID:
        told = said.sub(in_words, told)
    return told


def _packed(text: str, kind: Descriptor, types: DescriptorPool, option: str) -> AnyMessage:
    message = GetMessageClass(kind)()
    try:
        json_format.Parse(text, message, descriptor_pool=types)
    except json_format.ParseError as error:
        refuse(f"{option}: this is no {kind.full_name}: {_in_words(str(error))}")
    packed = AnyMessage()
    packed.Pack(message)
    return packed
