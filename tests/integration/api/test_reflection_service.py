"""What a client learns of our contracts, in both versions of reflection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection_pb2 as pb

from orchestrator.api.services.reflection import add_reflection
from orchestrator.channels.grpc.reflection import V1, V1ALPHA

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Ask = Callable[..., Awaitable[pb.ServerReflectionResponse]]

SERVICE = "saga.v1.SagaService"


@pytest.fixture(params=[V1, V1ALPHA])
async def ask(request: pytest.FixtureRequest) -> AsyncIterator[Ask]:
    server = grpc.aio.server()
    add_reflection([SERVICE], server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

        async def one(**question: Any) -> pb.ServerReflectionResponse:  # noqa: ANN401 - any field
            rpc: grpc.aio.StreamStreamMultiCallable[bytes, bytes]
            rpc = channel.stream_stream(f"/{request.param}/ServerReflectionInfo")
            call = rpc()
            await call.write(pb.ServerReflectionRequest(host="here", **question).SerializeToString())
            answer = await call.read()
            call.cancel()
            assert isinstance(answer, bytes)
            return pb.ServerReflectionResponse.FromString(answer)

        yield one
    await server.stop(None)


def files(answer: pb.ServerReflectionResponse) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    told = map(descriptor_pb2.FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
    return {file.name: file for file in told}


async def test_every_service_is_listed_and_reflection_in_both_versions(ask: Ask) -> None:
    answer = await ask(list_services="*")

    assert [each.name for each in answer.list_services_response.service] == [V1, V1ALPHA, SERVICE]
    assert (answer.valid_host, answer.original_request.list_services) == ("here", "*")


@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        (SERVICE, "saga/v1/saga_service.proto"),
        (f"{SERVICE}.GetSaga", "saga/v1/saga_service.proto"),
        ("saga.v1.GetSagaRequest", "saga/v1/saga_service.proto"),
        ("saga.v1.GetSagaRequest.saga_id", "saga/v1/saga_service.proto"),
        ("saga.v1.Status", "saga/v1/saga.proto"),
        ("saga.v1.STATUS_RUNNING", "saga/v1/saga.proto"),
        (f"{V1ALPHA}.ServerReflectionInfo", "grpc_reflection/v1alpha/reflection.proto"),
        (V1, "grpc/reflection/v1/reflection.proto"),
        (f"{V1}.ServerReflectionInfo", "grpc/reflection/v1/reflection.proto"),
        ("grpc.reflection.v1.ServerReflectionRequest", "grpc/reflection/v1/reflection.proto"),
    ],
)
async def test_whatever_has_a_name_is_found_with_all_that_it_imports(ask: Ask, symbol: str, file: str) -> None:
    told = files(await ask(file_containing_symbol=symbol))

    assert next(iter(told)) == file
    assert {name for each in told.values() for name in each.dependency} <= told.keys()


async def test_what_is_told_can_be_used(ask: Ask) -> None:
    pool = descriptor_pool.DescriptorPool()
    for file in reversed(files(await ask(file_containing_symbol=V1)).values()):
        pool.AddSerializedFile(file.SerializeToString())

    (method,) = pool.FindServiceByName(V1).methods
    assert method.input_type.full_name == "grpc.reflection.v1.ServerReflectionRequest"
    assert method.client_streaming
    assert method.server_streaming


async def test_fields_keep_their_json_names_at_every_depth(ask: Ask) -> None:
    file = files(await ask(file_by_filename="saga/v1/saga_service.proto"))["saga/v1/saga_service.proto"]
    fields = {
        f"{message.name}.{field.name}": field.json_name
        for outer in file.message_type
        for message in (outer, *outer.nested_type)
        for field in message.field
    }

    assert fields["GetSagaRequest.include_journal"] == "includeJournal"
    assert fields["AttributesEntry.key"] == "key"
    assert all(fields.values())


async def test_extensions_are_found(ask: Ask) -> None:
    numbers = (await ask(all_extension_numbers_of_type="google.protobuf.MethodOptions")).all_extension_numbers_response
    wanted = pb.ExtensionRequest(
        containing_type="google.protobuf.MethodOptions", extension_number=numbers.extension_number[-1]
    )

    assert files(await ask(file_containing_extension=wanted))
    assert numbers.base_type_name == "google.protobuf.MethodOptions"


@pytest.mark.parametrize(
    "question",
    [
        {"file_containing_symbol": "nobody.v1.Nobody"},
        {"file_containing_symbol": f"{SERVICE}.Nothing"},
        {"file_containing_symbol": ""},
        {"file_containing_symbol": "."},
        {"file_by_filename": "nobody.proto"},
        {"all_extension_numbers_of_type": "nobody.v1.Nobody"},
        {"file_containing_extension": pb.ExtensionRequest(containing_type="nobody.v1.Nobody", extension_number=1)},
        {
            "file_containing_extension": pb.ExtensionRequest(
                containing_type="google.protobuf.MethodOptions", extension_number=-1
            )
        },
    ],
    ids=str,
)
async def test_what_is_not_known_is_not_found(ask: Ask, question: dict[str, Any]) -> None:
    assert (await ask(**question)).error_response.error_code == 5


async def test_a_question_that_asks_nothing_is_bad_input(ask: Ask) -> None:
    assert (await ask()).error_response.error_code == 3
