"""Loads contracts compiled from .proto files into a pool of their own, apart from the process's stubs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2, descriptor_pool

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from google.protobuf.descriptor import FileDescriptor


def load_image(image: descriptor_pb2.FileDescriptorSet, names: Collection[str]) -> tuple[FileDescriptor, ...]:
    """The files of a descriptor set that have one of the names, in a new pool.

    Args:
        image: files in the order of their imports, as protoc writes them.
        names: as contracts import them, such as ``shop/inventory/v1/inventory.proto``.
    """
    pool = descriptor_pool.DescriptorPool()
    # A pool does not find a file by a name that is not ASCII, though it holds the file.
    files: list[FileDescriptor] = [pool.AddSerializedFile(file.SerializeToString()) for file in image.file]
    return tuple(file for file in files if file.name in names)


def same_contract(one: FileDescriptor, other: FileDescriptor) -> bool:
    """Whether two descriptors, of any pools, come from .proto files with the same content."""
    return _canonical(one) == _canonical(other)


def _canonical(file: FileDescriptor) -> bytes:
    described = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(described)
    # The file is parsed again, so that options unknown to its own pool are compared like known ones.
    proto = descriptor_pb2.FileDescriptorProto.FromString(described.SerializeToString())
    for field in (*proto.extension, *_fields(proto.message_type)):
        field.ClearField("json_name")  # stubs have no comments
    return proto.SerializeToString(deterministic=True)


def _fields(messages: Iterable[descriptor_pb2.DescriptorProto]) -> Iterator[descriptor_pb2.FieldDescriptorProto]:
    for message in messages:
        yield from message.field
        yield from message.extension
        yield from _fields(message.nested_type)
