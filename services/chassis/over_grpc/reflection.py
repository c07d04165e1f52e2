"""The standard reflection service, v1 and v1alpha, by which callers that know an address learn the contracts.

grpcio's own servicer speaks v1alpha alone, finds no methods by name, and leaves out the JSON names that protoc's Python
leaves out. The two versions have the same messages, so one servicer answers both.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor, FileDescriptor
from grpc_reflection.v1alpha import reflection_pb2 as pb

_V1ALPHA: Final = "grpc.reflection.v1alpha"
_V1: Final = "grpc.reflection.v1"


def add_reflection(services: Iterable[str], server: grpc.aio.Server) -> None:
    """Let a server answer questions about its contracts.

    Args:
        services: the full names of the other services on it.
        server: the server.
    """
    names = tuple(f"{package}.ServerReflection" for package in (_V1, _V1ALPHA))
    reflection = _Reflection((*services, *names))
    handler: Any = grpc.stream_stream_rpc_method_handler(
        reflection.converse,
        request_deserializer=pb.ServerReflectionRequest.FromString,
        response_serializer=pb.ServerReflectionResponse.SerializeToString,
    )
    for name in names:
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),)
        )


class _Reflection:
    """Answers questions about the contracts of the stubs, and about the contract of reflection itself."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = sorted(services)
        self._pool = descriptor_pool.Default()
        self._own = _own_pool()
        self._described: dict[str, bytes] = {}

    async def converse(
        self,
        requests: AsyncIterator[pb.ServerReflectionRequest],
        context: object,  # noqa: ARG002 - gRPC's
    ) -> AsyncIterator[pb.ServerReflectionResponse]:
        async for request in requests:
            answer = pb.ServerReflectionResponse(valid_host=request.host, original_request=request)
            try:
                self._answer(request, answer)
            except KeyError:
                _complain(answer, grpc.StatusCode.NOT_FOUND, "not known here")
            yield answer

    def _answer(self, request: pb.ServerReflectionRequest, answer: pb.ServerReflectionResponse) -> None:
        """The answer to a question; raises KeyError where its subject is not known."""
        match request.WhichOneof("message_request"):
            case "list_services":
                answer.list_services_response.service.extend(pb.ServiceResponse(name=each) for each in self._services)
            case "file_by_filename":
                self._tell(answer, self._find_file(request.file_by_filename))
            case "file_containing_symbol":
                self._tell(answer, self._find_symbol(request.file_containing_symbol))
            case "file_containing_extension":
                wanted = request.file_containing_extension
                extended = self._pool.FindMessageTypeByName(wanted.containing_type)
                extension = self._pool.FindExtensionByNumber(extended, wanted.extension_number)
                self._tell(answer, self._pool.FindFileContainingSymbol(extension.full_name))
            case "all_extension_numbers_of_type":
                name = request.all_extension_numbers_of_type
                numbers = [each.number for each in self._pool.FindAllExtensions(self._pool.FindMessageTypeByName(name))]
                answer.all_extension_numbers_response.base_type_name = name
                answer.all_extension_numbers_response.extension_number.extend(sorted(numbers))
            case _:
                _complain(answer, grpc.StatusCode.INVALID_ARGUMENT, "the question is not known here")

    def _find_file(self, name: str) -> FileDescriptor:
        try:
            return self._pool.FindFileByName(name)
        except KeyError:
            return self._own.FindFileByName(name)

    def _find_symbol(self, name: str) -> FileDescriptor:
        """The file that declares a symbol. A pool does not find methods by name; their service does."""
        owner, _, part = name.rpartition(".")
        for pool in (self._pool, self._own):
            try:
                return pool.FindFileContainingSymbol(name)
            except KeyError:
                pass
            try:
                service = pool.FindServiceByName(owner)
            except KeyError:
                continue
            if part in service.methods_by_name:
                return service.file
        raise KeyError(name)

    def _tell(self, answer: pb.ServerReflectionResponse, file: FileDescriptor) -> None:
        """The file, and all that it imports."""
        told: dict[str, bytes] = {}
        waiting = [file]
        while waiting:
            each = waiting.pop()
            if each.name not in told:
                waiting += each.dependencies
                if each.name not in self._described:
                    self._described[each.name] = _described(each)
                told[each.name] = self._described[each.name]
        answer.file_descriptor_response.file_descriptor_proto.extend(told.values())


def _complain(answer: pb.ServerReflectionResponse, code: grpc.StatusCode, message: str) -> None:
    answer.error_response.error_code = code.value[0]
    answer.error_response.error_message = message


def _described(file: FileDescriptor) -> bytes:
    """A file with every field's JSON name: the stubs hold only those that the contract gives."""
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _name_fields(message, file.message_types_by_name[message.name])
    return proto.SerializeToString()


def _name_fields(proto: descriptor_pb2.DescriptorProto, message: Descriptor) -> None:
    for field in proto.field:
        field.json_name = message.fields_by_name[field.name].json_name
    for nested in proto.nested_type:
        _name_fields(nested, message.nested_types_by_name[nested.name])


def _own_pool() -> descriptor_pool.DescriptorPool:
    """The contract of reflection v1: that of v1alpha under another package."""
    file = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "grpc/reflection/v1/reflection.proto", _V1
    for field in (field for message in file.message_type for field in message.field if field.type_name):
        field.type_name = field.type_name.replace(_V1ALPHA, _V1)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(_V1ALPHA, _V1)
        method.output_type = method.output_type.replace(_V1ALPHA, _V1)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool
