"""Asks an API whatever comes, as somebody who may not change anything, and looks at what that did to it.

The contracts are learnt by reflection, so that a new rpc is asked without a change here. What is sent is drawn from a
seed: bytes that are no message, messages with any values in any fields, messages that their constraints allow, and
metadata that means something or nothing.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2

from orchestrator.channels.grpc.reflection import V1
from orchestrator.testing.samples.sampler import Sampler

if TYPE_CHECKING:
    import random
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
    from google.protobuf.message import Message

_SECONDS: Final = 0.3
"""How long a stream that has nothing to tell is waited for."""
_PATIENCE: Final = 30
_LONG: Final = 10_000
_OPEN: Final = "/grpc.health."
_TEXTS: Final = ("", "a", "\x00", "../../etc/passwd", "' OR 1=1 --", "ü" * 500, "%s%n{0}", "saga-1", "place_order")
_NUMBERS: Final = (0, 1, -1, 2**31 - 1, -(2**31))
_TRACES: Final = ("", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "garbage", "00-0-0-0")
_ACCIDENTS: Final = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS", "UNAVAILABLE", "UNIMPLEMENTED"})
"""Statuses with which an API that is well ends no call of ours."""


class Caller(NamedTuple):
    """Somebody who asks: a name, and the ``authorization``; empty for nobody."""

    name: str
    authorization: str


class Findings(NamedTuple):
    """What came of the calls.

    Attributes:
        answers: how often each caller was answered with each status.
        accidents: the calls that ended as none should, in words.
    """

    answers: Counter[tuple[str, str]]
    accidents: list[str]


def contracts_at(
    channel: grpc.Channel, caller: Caller
) -> tuple[descriptor_pool.DescriptorPool, list[MethodDescriptor]]:
    """All that is served at an address, as reflection tells it to this caller."""
    [listed] = _reflect(channel, caller, [reflection_pb2.ServerReflectionRequest(list_services="")])
    names = [each.name for each in listed.list_services_response.service]
    questions = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names]
    pool = descriptor_pool.DescriptorPool()
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    for answer in _reflect(channel, caller, questions):
        for told in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(told)
            files[file.name] = file
    for name in files:
        _add(pool, files, name, set())
    found = [pool.FindServiceByName(name) for name in names]
    return pool, [method for service in found for method in service.methods]


def fuzz(
    channel: grpc.Channel,
    methods: Sequence[MethodDescriptor],
    callers: Sequence[Caller],
    chance: random.Random,
    findings: Findings,
) -> Iterator[int]:
    """Make one call after another, for ever; after each, how many they are. What comes of them is noted."""
    for number in itertools.count(1):
        method, caller = chance.choice(methods), chance.choice(callers)
        path = f"/{method.containing_service.full_name}/{method.name}"
        request = drawn_request(method, chance)
        lasts = method.server_streaming and (caller.authorization or path.startswith(_OPEN))
        seconds = _SECONDS if lasts else _PATIENCE
        status, details = _asked(channel, method, path, request, _metadata(caller, chance), seconds)
        findings.answers[caller.name, status] += 1
        if status in _ACCIDENTS or (not caller.authorization and not _may_be_told_nobody(path, status)):
            findings.accidents.append(f"{caller.name} asked {path} with {request[:80]!r}: {status}: {details}")
        yield number


def _may_be_told_nobody(path: str, status: str) -> bool:
    """Whether somebody without credentials may be answered so. Health answers everybody."""
    return status == "UNAUTHENTICATED" or path.startswith(_OPEN)


def _asked(
    channel: grpc.Channel,
    method: MethodDescriptor,
    path: str,
    request: bytes,
    metadata: list[tuple[str, str]],
    seconds: float,
) -> tuple[str, str]:
    shape = "stream_" if method.client_streaming else "unary_"
    call = getattr(channel, shape + ("stream" if method.server_streaming else "unary"))(path)
    sent: Any = iter([request]) if method.client_streaming else request
    try:
        answers = call(sent, metadata=metadata, timeout=seconds)
        for _ in answers if method.server_streaming else ():
            pass
    except grpc.RpcError as error:
        ended: Any = error
        return ended.code().name, ended.details()
    return "OK", ""


def _metadata(caller: Caller, chance: random.Random) -> list[tuple[str, str]]:
    said = [("authorization", caller.authorization)] if caller.authorization else []
    if chance.random() < 0.3:
        said.append(("traceparent", chance.choice(_TRACES)))
    if chance.random() < 0.1:
        said.append((f"x-{chance.randrange(100)}", "a" * chance.randrange(_LONG)))
    if not said and chance.random() < 0.5:
        said.append(
            ("authorization", chance.choice(("", "Bearer", "Bearer ", "Bearer a.b.c", "Basic YTpi", "x" * _LONG)))
        )
    return said


def drawn_request(method: MethodDescriptor, chance: random.Random) -> bytes:
    """Bytes that are no message, a message that its constraints allow, or one with any values in any fields."""
    kind = message_factory.GetMessageClass(method.input_type)
    how = chance.random()
    if how < 0.2:
        return chance.randbytes(chance.randrange(200))
    if how < 0.5:
        return Sampler(str(chance.random())).message(kind).SerializeToString()
    message = kind()
    _fill(message, chance, depth=0)
    return message.SerializeToString()


def _fill(message: Message, chance: random.Random, depth: int) -> None:
    """Any values in any fields."""
    descriptor: Any = message.DESCRIPTOR
    for field in descriptor.fields:
        if chance.random() < 0.5:
            continue
        for _ in range(chance.randrange(1, 4) if field.is_repeated else 1):
            _put(message, field, chance, depth)


def _put(message: Message, field: FieldDescriptor, chance: random.Random, depth: int) -> None:
    held: Any = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        if value.message_type is None:
            held[_scalar(key, chance)] = _scalar(value, chance)
    elif field.message_type is not None:
        if depth < 3:
            _fill(held.add() if field.is_repeated else held, chance, depth + 1)
    elif field.is_repeated:
        held.append(_scalar(field, chance))
    else:
        setattr(message, field.name, _scalar(field, chance))


def _scalar(field: FieldDescriptor, chance: random.Random) -> Any:  # noqa: ANN401 - of the field's type
    kinds = type(field)
    if field.cpp_type == kinds.CPPTYPE_STRING:
        text = chance.choice(_TEXTS)
        return text.encode() if field.type == kinds.TYPE_BYTES else text
    if field.cpp_type == kinds.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if field.cpp_type in {kinds.CPPTYPE_FLOAT, kinds.CPPTYPE_DOUBLE}:
        return chance.choice((0.0, -1.0, float("inf"), float("nan")))
    number = chance.choice(_NUMBERS)
    if field.cpp_type in {kinds.CPPTYPE_UINT32, kinds.CPPTYPE_UINT64}:
        return abs(number)
    return number


def _reflect(
    channel: grpc.Channel, caller: Caller, questions: Sequence[reflection_pb2.ServerReflectionRequest]
) -> list[reflection_pb2.ServerReflectionResponse]:
    rpc = channel.stream_stream(
        f"/{V1}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    return [*rpc(iter(questions), metadata=(("authorization", caller.authorization),), timeout=_PATIENCE)]


def _add(
    pool: descriptor_pool.DescriptorPool,
    files: dict[str, descriptor_pb2.FileDescriptorProto],
    name: str,
    added: set[str],
) -> None:
    """Add a file after those that it imports."""
    try:
        pool.FindFileByName(name)
    except KeyError:
        for imported in files[name].dependency:
            if imported not in added:
                _add(pool, files, imported, added)
        pool.AddSerializedFile(files[name].SerializeToString())
    added.add(name)
