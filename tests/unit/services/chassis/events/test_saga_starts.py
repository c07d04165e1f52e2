"""What the answer of an orchestrator that is to start a saga means for the event that starts it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from orchestrator.participant.statuses import DETAILS
from services.chassis.errors import Rejection, Unavailable
from services.chassis.events.sagas import SagaStarts
from shop.loyalty.v1.events_pb2 import GiftRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def rich(code: grpc.StatusCode, reason: str) -> bytes:
    packed = Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="saga"))
    return bytes(status_pb2.Status(code=code.value[0], message="refused", details=[packed]).SerializeToString())


@asynccontextmanager
async def refusing(code: grpc.StatusCode, details: bytes = b"") -> AsyncIterator[SagaStarts]:
    """What starts sagas at an orchestrator that answers so."""

    async def refuse(_request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await context.abort(code, "refused", ((DETAILS, details),))

    server = grpc.aio.server()
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"StartSaga": grpc.unary_unary_rpc_method_handler(refuse)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("saga.v1.SagaService", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
        yield SagaStarts(channel, None)
    await server.stop(None)


async def start(starts: SagaStarts) -> None:
    await starts("set_gift_aside", GiftRequest(), "00000000-0000-0000-0000-000000000001", "")


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED", "UNAVAILABLE", "RESOURCE_EXHAUSTED"])
async def test_an_event_waits_until_who_starts_sagas_may_do_that(code: str) -> None:
    async with refusing(grpc.StatusCode[code], rich(grpc.StatusCode[code], "TOKEN_EXPIRED")) as starts:
        with pytest.raises(Unavailable, match=code):
            await start(starts)


@pytest.mark.parametrize("code", ["NOT_FOUND", "INVALID_ARGUMENT"])
async def test_what_no_operator_of_a_token_sets_right_is_refused_for_good(code: str) -> None:
    async with refusing(grpc.StatusCode[code]) as starts:
        with pytest.raises(Rejection, match=code):
            await start(starts)


async def test_a_saga_that_was_started_and_has_been_deleted_since_was_started() -> None:
    code = grpc.StatusCode.ALREADY_EXISTS
    async with refusing(code, rich(code, "SAGA_DELETED")) as starts:
        await start(starts)


@pytest.mark.parametrize("details", [rich(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"), b"\xff", b""])
async def test_an_id_under_which_something_else_was_started_is_refused_for_good(details: bytes) -> None:
    async with refusing(grpc.StatusCode.ALREADY_EXISTS, details) as starts:
        with pytest.raises(Rejection):
            await start(starts)
