"""Turns answers of the API into documents of JSON: the JSON form of protobuf, with the names of the contract.

Every field without presence is there, so that a script need not ask whether it is. A payload whose type nobody tells is
shown as a Struct of its type and its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, json_format, struct_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from orchestrator.channels.grpc.reflection import declarations
from orchestrator.cli.output.form import print_json, print_json_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc.aio
    from google.protobuf.message import Message

_UNSPEAKABLE: Final = (json_format.Error, DecodeError, ValueError, TypeError, KeyError, OverflowError, RecursionError)


class Documents:
    """Writes answers as JSON, with types that the orchestrator tells.

    Args:
        channel: to the orchestrator.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._asked: set[str] = set()
        self._types = DescriptorPool()

    async def of(self, message: Message) -> dict[str, Any]:
        """The document of an answer; it asks for types that it has not asked for before."""
        copy = type(message)()
        copy.CopyFrom(message)
        payloads = list(_payloads(copy))
        if names := {each.TypeName() for each in payloads} - self._asked:
            self._asked |= names
            self._types = await declarations(self._channel, sorted(self._asked))
            _know_structs(self._types)
        for each in payloads:
            if not self._is_speakable(each):
                unknown = struct_pb2.Struct()
                unknown.update({"unknown_type": each.TypeName(), "size_bytes": len(each.value)})
                each.Pack(unknown)
        return self._document(copy)

    async def print(self, message: Message) -> None:
        """Print the one answer of a command."""
        print_json(await self.of(message))

    async def print_line(self, message: Message) -> None:
        """Print one of many answers."""
        print_json_line(await self.of(message))

    def _document(self, message: Message) -> dict[str, Any]:
        document: dict[str, Any] = json_format.MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
            descriptor_pool=self._types,
        )
        return document

    def _is_speakable(self, payload: AnyMessage) -> bool:
        try:
            self._document(payload)
        except _UNSPEAKABLE:
            return False
        return True


def _payloads(message: Message) -> Iterator[AnyMessage]:
    """Everything that is packed in a message."""
    if isinstance(message, AnyMessage):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for each in value if field.is_repeated else (value,):
            yield from _payloads(each)


def _know_structs(types: DescriptorPool) -> None:
    try:
        types.FindMessageTypeByName(struct_pb2.Struct.DESCRIPTOR.full_name)
    except KeyError:
        file = descriptor_pb2.FileDescriptorProto()
        struct_pb2.DESCRIPTOR.CopyToProto(file)
        types.AddSerializedFile(file.SerializeToString())
