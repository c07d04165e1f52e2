"""Asks a live server for contracts, through gRPC server reflection where it offers it.

The two versions of the service, v1 and v1alpha, have different names and the same messages. Many servers tell less
than all: an import that is not there, a placeholder for it, an answer that is no descriptor. What is known here stands
in for it; what cannot be made sense of is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import ServiceDescriptor

    Files = dict[str, descriptor_pb2.FileDescriptorProto]

V1: Final = "grpc.reflection.v1.ServerReflection"
V1ALPHA: Final = "grpc.reflection.v1alpha.ServerReflection"

_PATIENCE_SECONDS: Final = 2.0
_SYNTAXES: Final = frozenset({"", "proto2", "proto3", "editions"})


class Described(NamedTuple):
    """What a live server tells of a service.

    Attributes:
        contract: in a pool of its own; ``None`` where it does not tell.
        serves: the names of the services that it serves; ``None`` where it does not tell.
        why: why it does not tell, in a few words.
    """

    contract: ServiceDescriptor | None
    serves: frozenset[str] | None = None
    why: str = ""


async def describe(channel: grpc.aio.Channel, service: str) -> Described:
    """The contract of a live service."""
    serves: frozenset[str] | None = None
    conversation = _Conversation(channel)
    try:
        files = await conversation.files_of([service])
        with contextlib.suppress(grpc.aio.AioRpcError):  # some know contracts, and cannot list
            serves = await conversation.services()
    except grpc.aio.AioRpcError as error:
        return Described(None, serves, _why(error))
    try:
        return Described(_pool_of(files).FindServiceByName(service), serves)
    except KeyError:
        return Described(None, serves, "its reflection does not describe it")


async def declarations(channel: grpc.aio.Channel, names: Iterable[str]) -> descriptor_pool.DescriptorPool:
    """What a server tells of services, rpcs and messages, in a pool of its own; what it does not know is not there.

    Args:
        channel: to the server.
        names: full names, such as ``shop.payment.v1.AuthorizePaymentResponse``.

    Raises:
        grpc.aio.AioRpcError: it cannot be asked.
    """
    return _pool_of(await _Conversation(channel).files_of(names))


async def served_files(channel: grpc.aio.Channel) -> descriptor_pb2.FileDescriptorSet:
    """The files of all services of a server, each after what it imports; health and reflection are left out.

    Raises:
        grpc.aio.AioRpcError: it cannot be asked.
    """
    conversation = _Conversation(channel)
    names = await conversation.services() or frozenset()
    files = await conversation.files_of(sorted(name for name in names if not name.startswith("grpc.")))
    return descriptor_pb2.FileDescriptorSet(file=_in_order(files).values())


class _Conversation:
    """Questions and answers, in v1 where the server has it, else in v1alpha.

    Each question is a call of its own. In a stream of many, a question that is written to a call that has just ended
    is an error of another kind than the one with which the call has ended. All together take two seconds at most.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._version = V1
        self._until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS

    async def services(self) -> frozenset[str] | None:
        """The services that are served; ``None`` where that is not told."""
        answer = await self._ask(ServerReflectionRequest(list_services="*"))
        named = answer.list_services_response.service if answer is not None else ()
        return frozenset(each.name for each in named) or None

    async def files_of(self, names: Iterable[str]) -> Files:
        """The files that declare these names, and all that they import, as far as they are told."""
        files: Files = {}
        asked: set[str] = set()
        questions = [ServerReflectionRequest(file_containing_symbol=name) for name in names]
        while questions:
            for question in questions:
                answer = await self._ask(question)
                if answer is not None:
                    files |= _read(answer)
            wanted = {name for file in files.values() for name in file.dependency} - files.keys() - asked
            asked |= wanted
            questions = [ServerReflectionRequest(file_by_filename=name) for name in sorted(wanted)]
        return files

    async def _ask(self, question: ServerReflectionRequest) -> ServerReflectionResponse | None:
        """The answer; ``None`` where there is none to be had."""
        try:
            return await self._exchange(question)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED or self._version == V1ALPHA:
                raise
        self._version = V1ALPHA
        return await self._exchange(question)

    async def _exchange(self, question: ServerReflectionRequest) -> ServerReflectionResponse | None:
        ask: Any = self._channel.unary_stream(f"/{self._version}/ServerReflectionInfo")
        remaining = max(0.0, self._until - asyncio.get_running_loop().time())
        call = ask(question.SerializeToString(), timeout=remaining)
        try:
            answer = await call.read()
        finally:
            call.cancel()
        if answer is grpc.aio.EOF:
            return None
        try:
            return ServerReflectionResponse.FromString(answer)
        except DecodeError:
            return None


def _why(error: grpc.aio.AioRpcError) -> str:
    return "no reflection" if error.code() is grpc.StatusCode.UNIMPLEMENTED else error.code().name


def _read(answer: ServerReflectionResponse) -> Files:
    """The files of an answer that are files."""
    files = {}
    for serialized in answer.file_descriptor_response.file_descriptor_proto:
        try:
            file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
        except DecodeError:
            continue
        if file.syntax in _SYNTAXES:
            files[file.name] = file
    return files


def _pool_of(files: Files) -> descriptor_pool.DescriptorPool:
    """The files in a pool, those that they need before them, known ones in place of what is missing."""
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()
    for name, file in _in_order(files).items():
        if _add(pool, file, [each for each in file.dependency if each in added]):
            added.add(name)
    return pool


def _in_order(files: Files) -> Files:
    """The files and the known ones that they import, each after what it imports, however long the chain of imports."""
    ordered: Files = {}
    begun: set[str] = set()
    waiting = list(files)[::-1]
    while waiting:
        name = waiting[-1]
        file = None if name in ordered else files.get(name) or _known(name)
        if file is None or name in begun:  # its imports are in their places, except one that imports it in turn
            waiting.pop()
            if file is not None:
                ordered[name] = file
        else:
            begun.add(name)
            waiting += [each for each in reversed(file.dependency) if each not in begun]
    return ordered


def _add(pool: descriptor_pool.DescriptorPool, file: descriptor_pb2.FileDescriptorProto, found: list[str]) -> bool:
    """Add a file to a pool that holds these of its imports; whether that is possible."""
    if len(found) < len(file.dependency):
        file.ClearField("public_dependency")
        file.ClearField("weak_dependency")
        file.dependency[:] = found
    try:
        pool.AddSerializedFile(file.SerializeToString())
    except (TypeError, ValueError):
        return False
    return True


def _known(name: str) -> descriptor_pb2.FileDescriptorProto | None:
    """A file as it is known here, whatever the server says of it."""
    file = descriptor_pb2.FileDescriptorProto()
    try:
        descriptor_pool.Default().FindFileByName(name).CopyToProto(file)
    except KeyError:
        return None
    return file
