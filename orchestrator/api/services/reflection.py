"""The standard reflection service, v1 and v1alpha, by which clients that know an address learn the contracts.

grpcio's own servicer speaks v1alpha alone, finds no methods by name, and leaves out the JSON names that protoc's Python
leaves out. The two versions have the same messages, so one servicer answers both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection_pb2 as pb

from orchestrator.channels.grpc.reflection import V1, V1ALPHA

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from google.protobuf.descriptor import Descriptor, FileDescriptor

_ALPHA_PACKAGE: Final = "grpc.reflection.v1alpha"
_PACKAGE: Final = "grpc.reflection.v1"


def add_reflection(
    services: Iterable[str], server: grpc.aio.Server, pool: descriptor_pool.DescriptorPool | None = None
) -> None:
    """Let a server tell its contracts.

    Args:
        services: the full names of what it serves besides.
        server: the server.
        pool: where the contracts are; by default that of the stubs.
    """
    reflection = _Reflection((*services, V1, V1ALPHA), pool or descriptor_pool.Default())
    handler: Any = grpc.stream_stream_rpc_method_handler(
        reflection.converse,
        request_deserializer=pb.ServerReflectionRequest.FromString,
        response_serializer=pb.ServerReflectionResponse.SerializeToString,
    )
    for version in (V1, V1ALPHA):
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(version, {"ServerReflectionInfo": handler}),)
        )


class _Reflection:
    """Answers questions about the files of a pool."""

    def __init__(self, services: Iterable[str], pool: descriptor_pool.DescriptorPool) -> None:
        self._services = sorted(set(services))
        # One that is not that of the stubs knows nothing of reflection itself.
        self._pools = (pool, _reflection_pool())
        self._described: dict[str, bytes] = {}

    async def converse(
        self, requests: AsyncIterator[pb.ServerReflectionRequest], context: object
    ) -> AsyncIterator[pb.ServerReflectionResponse]:
        async for request in requests:
            answer = pb.ServerReflectionResponse(valid_host=request.host, original_request=request)
            try:
                self._answer(request, answer)
            except KeyError:
                answer.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
                answer.error_response.error_message = "not known here"
            yield answer

    def _answer(self, request: pb.ServerReflectionRequest, answer: pb.ServerReflectionResponse) -> None:
        """Raises: KeyError: what is asked for is not known."""
        match request.WhichOneof("message_request"):
            case "list_services":
                answer.list_services_response.service.extend(pb.ServiceResponse(name=each) for each in self._services)
            case "file_by_filename":
                self._tell(answer, _first(lambda pool: pool.FindFileByName(request.file_by_filename), self._pools))
            case "file_containing_symbol":
                name = request.file_containing_symbol
                self._tell(answer, _first(lambda pool: _file_of(pool, name), self._pools))
            case "file_containing_extension":
                wanted = request.file_containing_extension
                extended = self._pools[0].FindMessageTypeByName(wanted.containing_type)
                extension = self._pools[0].FindExtensionByNumber(extended, wanted.extension_number)
                self._tell(answer, self._pools[0].FindFileContainingSymbol(extension.full_name))
            case "all_extension_numbers_of_type":
                name = request.all_extension_numbers_of_type
                extensions = self._pools[0].FindAllExtensions(self._pools[0].FindMessageTypeByName(name))
                answer.all_extension_numbers_response.base_type_name = name
                answer.all_extension_numbers_response.extension_number.extend(sorted(e.number for e in extensions))
            case _:
                answer.error_response.error_code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
                answer.error_response.error_message = "the question is not known here"

    def _tell(self, answer: pb.ServerReflectionResponse, file: FileDescriptor) -> None:
        """The file, and all that it imports."""
        told: dict[str, None] = {}
        waiting = [file]
        while waiting:
            each = waiting.pop()
            if each.name not in told:
                told[each.name] = None
                waiting += each.dependencies
                if each.name not in self._described:
                    self._described[each.name] = _described(each)
        answer.file_descriptor_response.file_descriptor_proto.extend(self._described[name] for name in told)


def _first(find: Any, pools: Iterable[descriptor_pool.DescriptorPool]) -> Any:  # noqa: ANN401 - whatever is found
    for pool in pools:
        try:
            return find(pool)
        except KeyError:
            continue
    raise KeyError


def _file_of(pool: descriptor_pool.DescriptorPool, name: str) -> FileDescriptor:
    """The file that declares a symbol. The pool finds what stands for itself, and not what is part of something."""
    try:
        return pool.FindFileContainingSymbol(name)
    except KeyError:
        owner, _, part = name.rpartition(".")
        service = pool.FindServiceByName(owner)
        if part not in service.methods_by_name:
            raise
        return service.file


def _described(file: FileDescriptor) -> bytes:
    """A file with every field's JSON name: the stubs hold only those that the contract gives."""
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _name(message, file.message_types_by_name[message.name])
    return proto.SerializeToString()


def _name(proto: descriptor_pb2.DescriptorProto, message: Descriptor) -> None:
    for field in proto.field:
        field.json_name = message.fields_by_name[field.name].json_name
    for nested in proto.nested_type:
        _name(nested, message.nested_types_by_name[nested.name])


def _reflection_pool() -> descriptor_pool.DescriptorPool:
    """The contracts of reflection itself; that of v1 is that of v1alpha by another name."""
    alpha = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(alpha)
    file = descriptor_pb2.FileDescriptorProto()
    file.CopyFrom(alpha)
    file.name, file.package = "grpc/reflection/v1/reflection.proto", _PACKAGE
    for field in (field for message in file.message_type for field in message.field if field.type_name):
        field.type_name = field.type_name.replace(_ALPHA_PACKAGE, _PACKAGE)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(_ALPHA_PACKAGE, _PACKAGE)
        method.output_type = method.output_type.replace(_ALPHA_PACKAGE, _PACKAGE)
    pool = descriptor_pool.DescriptorPool()
    for each in (alpha, file):
        pool.AddSerializedFile(each.SerializeToString())
    return pool
