"""Asks a live server for contracts, through gRPC server reflection where it offers it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from orchestrator.contract.drift import check_drift

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.contract.violation import Violation
    from orchestrator.transport.participants import GrpcParticipants

_PATIENCE_SECONDS: Final = 2.0


async def check_live(
    services: Iterable[ServiceDescriptor], participants: GrpcParticipants
) -> tuple[list[Violation], list[str]]:
    """Compare the contracts of live services with the known ones.

    Returns:
        What differs, and the names of the services that could not be asked: not there yet, or without reflection.
    """
    known = list(services)
    live = await asyncio.gather(*(describe(participants.channel(each.full_name), each.full_name) for each in known))
    pairs = list(zip(known, live, strict=True))
    violations = [violation for ours, theirs in pairs if theirs for violation in check_drift(ours, theirs)]
    return violations, [ours.full_name for ours, theirs in pairs if theirs is None]


async def describe(channel: grpc.aio.Channel, service: str) -> ServiceDescriptor | None:
    """The contract of a live service, in a pool of its own; ``None`` where it cannot be asked."""
    try:
        return (await declarations(channel, [service])).FindServiceByName(service)
    except (grpc.aio.AioRpcError, KeyError):
        return None


async def declarations(channel: grpc.aio.Channel, names: Iterable[str]) -> descriptor_pool.DescriptorPool:
    """What a server tells of services, rpcs and messages, in a pool of its own; what it does not know is not there.

    Args:
        channel: to the server.
        names: full names, such as ``shop.payment.v1.AuthorizePaymentResponse``.

    Raises:
        grpc.aio.AioRpcError: it cannot be asked.
    """
    files = await _files_of(channel, names)
    pool = descriptor_pool.DescriptorPool()
    for file in _in_order_of_imports(files):
        pool.AddSerializedFile(file.SerializeToString())
    return pool


async def _files_of(channel: grpc.aio.Channel, names: Iterable[str]) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """The files that declare these names, and all that they import, by their own names."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    # Its stubs know only the synchronous channel.
    stub: Any = ServerReflectionStub(cast("Any", channel))
    # Written to and read from: an iterator of questions would be left hanging where the service has no reflection.
    call = stub.ServerReflectionInfo(timeout=_PATIENCE_SECONDS)
    asked: set[str] = set()
    questions = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names]
    while questions:
        for question in questions:
            await call.write(question)
        answers = [await call.read() for _ in questions]
        for answer in answers:
            if answer is grpc.aio.EOF:
                break
            for serialized in answer.file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
                files[file.name] = file
        wanted = {name for file in files.values() for name in file.dependency} - files.keys() - asked
        asked |= wanted
        questions = [reflection_pb2.ServerReflectionRequest(file_by_filename=name) for name in sorted(wanted)]
    call.cancel()
    return files


def _in_order_of_imports(
    files: dict[str, descriptor_pb2.FileDescriptorProto],
) -> list[descriptor_pb2.FileDescriptorProto]:
    ordered: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(name: str) -> None:
        if name in files and name not in ordered:
            for dependency in files[name].dependency:
                add(dependency)
            ordered[name] = files[name]

    for name in files:
        add(name)
    return list(ordered.values())
