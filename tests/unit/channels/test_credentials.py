"""Where credentials will come from."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthServicer, HealthStub, add_HealthServicer_to_server

import orchestrator
from orchestrator.channels.grpc import credentials
from orchestrator.channels.grpc.channel import GrpcChannel

if TYPE_CHECKING:
    import pytest

LIBRARY = Path(orchestrator.__file__).parent
OPENS = {"insecure_channel", "secure_channel"}
CALL = HealthCheckRequest(service="shop.payment.v1.PaymentService")


def test_every_channel_of_the_orchestrator_is_opened_in_one_place() -> None:
    # The shop is an application: its demo stands where its customers do.
    opened_in = {
        file.relative_to(LIBRARY).as_posix()
        for file in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in OPENS
    }

    assert {file for file in opened_in if not file.startswith("shop/")} == {"channels/grpc/credentials.py"}


async def test_what_answers_for_credentials_secures_the_channels_to_participants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = grpc.aio.server()
    add_HealthServicer_to_server(HealthServicer(), server)
    port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
    await server.start()
    asked: list[str] = []

    def local(target: str) -> grpc.ChannelCredentials:
        asked.append(target)
        return grpc.local_channel_credentials()

    monkeypatch.setattr(credentials, "credentials_for", local)
    channel = GrpcChannel(f"127.0.0.1:{port}")

    try:
        stub: Any = HealthStub(channel.current)
        await stub.Check(CALL, timeout=30)
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED  # noqa: PT017 - the server was reached, and has no answer
    assert asked == [f"127.0.0.1:{port}"]
    await channel.close()
    await server.stop(None)
