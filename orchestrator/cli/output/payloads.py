"""Shows inputs, requests and replies as JSON, with types that the orchestrator tells.

The orchestrator knows every contract that its sagas use, and shows it through server reflection, so the command line
needs no stubs.
"""

from __future__ import annotations

import json
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
    return _packed(rpc.output_type, text, types, "--reply-json")


async def message_from_json(channel: grpc.aio.Channel, name: str, text: str, option: str) -> AnyMessage:
    """A message, written as JSON.

    Args:
        channel: to the orchestrator, which knows its type.
        name: the full name of the type.
        text: the JSON.
        option: the option in which it was typed.

    Raises:
        typer.Exit: with code 1, the orchestrator does not know the type; with code 2, this is no such message.
    """
    types = await declarations(channel, [name])
    try:
        kind = types.FindMessageTypeByName(name)
    except KeyError:
        refuse(f"the orchestrator does not know the message {name}", code=1)
    return _packed(kind, text, types, option)


def _packed(kind: Descriptor, text: str, types: DescriptorPool, option: str) -> AnyMessage:
    message = GetMessageClass(kind)()
    try:
        json_format.Parse(text, message, descriptor_pool=types)
    except json_format.ParseError as error:
        refuse(f"{option}: this is no {kind.full_name}: {' '.join(str(error).split())}")
    packed = AnyMessage()
    packed.Pack(message)
    return packed
