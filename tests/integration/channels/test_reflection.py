"""Contracts are asked of real servers through reflection, and many of them tell less than all."""

from __future__ import annotations

import asyncio
import logging
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha import reflection_pb2 as pb

from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.live_contracts import LiveContracts
from orchestrator.channels.grpc.reflection import V1, V1ALPHA, describe
from orchestrator.errors import DefinitionError
from shop.inventory.v1 import inventory_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    Serve = Callable[["Telling"], Coroutine[Any, Any, str]]

SERVICE = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"]
FILE: Final = inventory_pb2.DESCRIPTOR.serialized_pb
FOUND = ["ReserveStock", "ReleaseStock", "GetStock"]
STOPS, HANGS = b"stops", b"hangs"


class Telling:
    """Reflection as it is told to be.

    Attributes:
        versions: under which names it is served.
        lists: the services that it lists; ``None`` where it cannot, ``()`` where it breaks.
        files: what it tells of a file by its name; ``None`` where it has none.
        beside: files that it tells of with each one.
        refuses: the code of its refusal, where it refuses.
    """

    def __init__(self) -> None:
        self.versions = [V1, V1ALPHA]
        self.lists: list[str] | tuple[()] | None = [SERVICE.full_name, "grpc.health.v1.Health"]
        self.files: Callable[[str], bytes | None] = _file
        self.beside: list[bytes] = []
        self.refuses: grpc.StatusCode | None = None

    async def converse(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - gRPC's
        if self.refuses is not None:
            await context.abort(self.refuses, "as told")
        async for request in requests:
            answer = pb.ServerReflectionResponse(original_request=request)
            if request.HasField("list_services"):
                if self.lists == ():
                    raise ValueError
                if self.lists is None:
                    answer.error_response.error_code = 12
                for name in self.lists or ():
                    answer.list_services_response.service.add(name=name)
                yield answer
                continue
            name = request.file_by_filename or SERVICE.file.name
            told = self.files(name)
            if told == STOPS:
                return
            if told == HANGS:
                await asyncio.Event().wait()
            if told is None:
                answer.error_response.error_code = 5
            else:
                answer.file_descriptor_response.file_descriptor_proto.extend([told, *self.beside])
            yield answer


def _file(name: str) -> bytes | None:
    """The file, as protoc made it."""
    pool = inventory_pb2.DESCRIPTOR.pool
    try:
        return bytes(pool.FindFileByName(name).serialized_pb)
    except KeyError:
        return None


def only_its_own(instead: bytes | None) -> Callable[[str], bytes | None]:
    """The file of the service, and something instead of each import."""
    return lambda name: FILE if name == SERVICE.file.name else instead


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers = []

    async def start(telling: Telling) -> str:
        server = grpc.aio.server()
        handler: Any = grpc.stream_stream_rpc_method_handler(
            telling.converse,
            request_deserializer=pb.ServerReflectionRequest.FromString,
            response_serializer=pb.ServerReflectionResponse.SerializeToString,
        )
        for version in telling.versions:
            generic = grpc.method_handlers_generic_handler(version, {"ServerReflectionInfo": handler})
            server.add_generic_rpc_handlers((generic,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        await server.stop(None)


@pytest.fixture
async def live() -> AsyncIterator[Callable[[str], LiveContracts]]:
    opened = []

    def at(address: str) -> LiveContracts:
        channel = GrpcChannel(address)
        sent = {method.full_name for method in SERVICE.methods}
        opened.append((LiveContracts([SERVICE], {SERVICE.full_name: channel}, sent), channel))
        return opened[-1][0]

    yield at
    for contracts, channel in opened:
        await contracts.close()
        await channel.close()


@pytest.mark.parametrize("versions", [[V1], [V1ALPHA], [V1, V1ALPHA]], ids=str)
async def test_a_live_service_describes_its_contract_with_all_that_it_imports(
    serve: Serve, versions: list[str]
) -> None:
    telling = Telling()
    telling.versions = versions

    async with grpc.aio.insecure_channel(await serve(telling)) as channel:
        contract, serves, _ = await describe(channel, SERVICE.full_name)

    assert contract is not None
    assert contract is not SERVICE
    assert [method.name for method in contract.methods] == FOUND
    assert serves == frozenset({SERVICE.full_name, "grpc.health.v1.Health"})


async def test_grpcios_own_reflection_is_understood() -> None:
    server = grpc.aio.server()
    reflection.enable_server_reflection([SERVICE.full_name], server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        contract, _, _ = await describe(channel, SERVICE.full_name)
    await server.stop(None)

    assert contract is not None


async def test_each_import_of_a_contract_is_asked_for_once(serve: Serve) -> None:
    telling, asked = Telling(), list[str]()

    def told(name: str) -> bytes | None:
        asked.append(name)
        return _file(name)

    telling.files = told
    async with grpc.aio.insecure_channel(await serve(telling)) as channel:
        await describe(channel, SERVICE.full_name)

    assert {file.name for file in SERVICE.file.dependencies} < set(asked)
    assert len(asked) == len(set(asked))


async def test_a_chain_of_imports_is_followed_however_long_it_is(serve: Serve) -> None:
    telling = Telling()
    chain = [descriptor_pb2.FileDescriptorProto(name=f"n{each}.proto", syntax="proto3") for each in range(1500)]
    for each, imported in pairwise(chain):
        each.dependency.append(imported.name)
    telling.beside = [each.SerializeToString() for each in chain]
    telling.files = another(lambda file: file.dependency.append(chain[0].name))
    address = await serve(telling)

    async with grpc.aio.insecure_channel(address) as channel:
        found = await describe(channel, SERVICE.full_name)

    assert found.contract is not None, found.why
    assert [method.name for method in found.contract.methods] == FOUND


async def test_a_file_of_proto2_which_states_no_syntax_is_a_file(serve: Serve) -> None:
    old = descriptor_pb2.FileDescriptorProto(name="old/v1/old.proto", package="old.v1")
    old.message_type.add(name="Old")
    file = descriptor_pb2.FileDescriptorProto.FromString(FILE)
    file.dependency.append(old.name)
    telling = Telling()
    told = {SERVICE.file.name: file.SerializeToString(), old.name: old.SerializeToString()}
    telling.files = lambda name: told.get(name) or _file(name)

    async with grpc.aio.insecure_channel(await serve(telling)) as channel:
        contract, _, _ = await describe(channel, SERVICE.full_name)

    assert contract is not None
    assert old.name in {each.name for each in contract.file.dependencies}


PLACEHOLDER = descriptor_pb2.FileDescriptorProto(name="saga/v1/contract.proto", syntax="<unknown:0>")


@pytest.mark.parametrize(
    "instead",
    [None, b"\xff\xff\xff", PLACEHOLDER.SerializeToString(), STOPS],
    ids=["missing", "garbage", "proxy", "end"],
)
async def test_what_a_server_does_not_tell_of_an_import_is_known_here(serve: Serve, instead: bytes | None) -> None:
    telling = Telling()
    telling.files = only_its_own(instead)

    async with grpc.aio.insecure_channel(await serve(telling)) as channel:
        contract, _, _ = await describe(channel, SERVICE.full_name)

    assert contract is not None
    assert [method.name for method in contract.methods] == FOUND


def _with(**changes: Any) -> bytes:  # noqa: ANN401 - any field
    file = descriptor_pb2.FileDescriptorProto.FromString(FILE)
    for name, value in changes.items():
        setattr(file, name, value)
    return file.SerializeToString()


@pytest.mark.parametrize(
    "file",
    [
        None,
        b"\xff\xff\xff",
        descriptor_pb2.FileDescriptorProto(name="shop/inventory/v1/inventory.proto").SerializeToString(),
        _with(syntax="<unknown:0>"),
        _with(syntax="proto9"),
        descriptor_pb2.FileDescriptorProto(name="a.proto", dependency=["a.proto"]).SerializeToString(),
        STOPS,
    ],
    ids=["missing", "garbage", "without the service", "unknown syntax", "syntax to come", "imports itself", "end"],
)
async def test_a_contract_that_cannot_be_made_sense_of_is_told_and_not_judged(
    serve: Serve, live: Callable[[str], LiveContracts], caplog: pytest.LogCaptureFixture, file: bytes | None
) -> None:
    telling = Telling()
    telling.files = lambda _name: file
    caplog.set_level(logging.INFO)

    await live(await serve(telling)).refuse_drift()

    assert "contracts not compared" in caplog.text
    assert "(its reflection does not describe it)" in caplog.text


async def test_options_that_cannot_be_read_are_no_accident(
    serve: Serve, live: Callable[[str], LiveContracts], caplog: pytest.LogCaptureFixture
) -> None:
    compensation = b"\x12\x0cReleaseStock"
    assert compensation in FILE
    telling = Telling()
    telling.files = lambda name: FILE.replace(compensation, b"\x12\x0c" + b"\xff" * 12) if "shop" in name else None
    caplog.set_level(logging.INFO)

    await live(await serve(telling)).refuse_drift()

    assert "contracts not compared" in caplog.text


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
        (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
        (grpc.StatusCode.INTERNAL, "INTERNAL"),
        (grpc.StatusCode.UNIMPLEMENTED, "no reflection"),
    ],
)
async def test_a_server_that_refuses_to_tell_is_not_judged(
    serve: Serve,
    live: Callable[[str], LiveContracts],
    caplog: pytest.LogCaptureFixture,
    code: grpc.StatusCode,
    why: str,
) -> None:
    telling = Telling()
    telling.refuses = code
    caplog.set_level(logging.INFO)

    await live(await serve(telling)).refuse_drift()

    assert f"{SERVICE.full_name} ({why})" in caplog.text


async def test_a_server_that_never_answers_holds_nothing_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.channels.grpc.reflection._PATIENCE_SECONDS", 0.1)
    telling = Telling()
    telling.files = lambda _name: HANGS

    async with grpc.aio.insecure_channel(await serve(telling)) as channel:
        described = await describe(channel, SERVICE.full_name)

    assert (described.contract, described.why) == (None, "DEADLINE_EXCEEDED")


async def test_a_service_that_is_not_there_is_named_and_not_judged(
    live: Callable[[str], LiveContracts], unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    await live(f"127.0.0.1:{unused_tcp_port}").refuse_drift()

    assert f"{SERVICE.full_name} (UNAVAILABLE)" in caplog.text


async def test_a_server_that_serves_others_is_named_with_what_it_serves(
    serve: Serve, live: Callable[[str], LiveContracts]
) -> None:
    telling = Telling()
    telling.lists = ["grpc.health.v1.Health", "shop.payment.v1.PaymentService", "a.v1.A"]
    address = await serve(telling)
    said = f"the server at {address} does not serve it; it serves a.v1.A, shop.payment.v1.PaymentService"

    with pytest.raises(DefinitionError, match=re.escape(said)) as refused:
        await live(address).refuse_drift()

    assert "--no-drift-check" in str(refused.value)


async def test_a_server_that_serves_nothing_of_its_own_is_told_so(
    serve: Serve, live: Callable[[str], LiveContracts]
) -> None:
    telling = Telling()
    telling.lists = ["grpc.health.v1.Health"]

    with pytest.raises(DefinitionError, match="does not serve it; it serves nothing\n"):
        await live(await serve(telling)).refuse_drift()


@pytest.mark.parametrize("lists", [None, [], ()], ids=str)
async def test_a_server_that_lists_nothing_is_compared_all_the_same(
    serve: Serve, live: Callable[[str], LiveContracts], lists: list[str] | tuple[()] | None
) -> None:
    telling = Telling()
    telling.lists = lists
    telling.files = another(_without_release)

    with pytest.raises(DefinitionError, match="live-has-rpc"):
        await live(await serve(telling)).refuse_drift()


def another(change: Callable[[descriptor_pb2.FileDescriptorProto], None]) -> Callable[[str], bytes | None]:
    """The contract after a change."""
    file = descriptor_pb2.FileDescriptorProto.FromString(FILE)
    change(file)
    serialized = file.SerializeToString()
    return lambda name: serialized if name == file.name else _file(name)


def _without_release(file: descriptor_pb2.FileDescriptorProto) -> None:
    del file.service[0].method[1]


def _without_one_option(file: descriptor_pb2.FileDescriptorProto) -> None:
    file.service[0].method[0].ClearField("options")


def _without_options(file: descriptor_pb2.FileDescriptorProto) -> None:
    for method in file.service[0].method:
        method.ClearField("options")


async def test_what_differs_on_the_wire_is_refused(serve: Serve, live: Callable[[str], LiveContracts]) -> None:
    telling = Telling()
    telling.files = another(_without_release)

    with pytest.raises(DefinitionError, match="live-has-rpc"):
        await live(await serve(telling)).refuse_drift()


async def test_what_differs_in_words_is_a_warning_told_once(
    serve: Serve, live: Callable[[str], LiveContracts], caplog: pytest.LogCaptureFixture
) -> None:
    telling = Telling()
    telling.files = another(_without_one_option)
    contracts = live(await serve(telling))

    await contracts.refuse_drift()
    contracts.compare_again(SERVICE.full_name)
    await contracts.compared()

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "live-keeps-command" in record.getMessage()
    assert "EFFECT_COMPENSABLE" in record.getMessage()


async def test_a_contract_without_our_options_is_nothing_to_speak_of(
    serve: Serve, live: Callable[[str], LiveContracts], caplog: pytest.LogCaptureFixture
) -> None:
    telling = Telling()
    telling.files = another(_without_options)

    await live(await serve(telling)).refuse_drift()

    assert caplog.records == []


async def test_a_participant_that_comes_back_with_another_contract_is_told_in_the_log(
    serve: Serve, live: Callable[[str], LiveContracts], caplog: pytest.LogCaptureFixture
) -> None:
    telling = Telling()
    contracts = live(await serve(telling))
    await contracts.refuse_drift()
    telling.files = another(_without_release)

    contracts.compare_again(SERVICE.full_name)
    contracts.compare_again("a.v1.Unknown")
    await contracts.compared()

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "live-has-rpc" in record.getMessage()
