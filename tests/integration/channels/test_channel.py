"""What only gRPC does: its many ways to tell of health, and what it would do by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer, add_HealthServicer_to_server

from orchestrator.channels.grpc import channel as module
from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.silent_health import SilentHealth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVICE = "shop.payment.v1.PaymentService"


class Health(HealthServicer):
    """Answers as it is told; ``None`` for never."""

    def __init__(self) -> None:
        self.answer: Any = HealthCheckResponse.SERVING

    async def Check(self, request: Any, context: Any) -> HealthCheckResponse:  # noqa: ANN401, ARG002, N802 - gRPC's
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, grpc.StatusCode):
            await context.abort(self.answer, "as told")
        return HealthCheckResponse(status=self.answer)


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def channel(health: Health) -> AsyncIterator[GrpcChannel]:
    server = grpc.aio.server()
    add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    found = GrpcChannel(f"127.0.0.1:{port}")
    yield found
    await found.close()
    await server.stop(None)


@pytest.mark.parametrize(
    ("answer", "serves"),
    [
        (HealthCheckResponse.SERVICE_UNKNOWN, None),
        (HealthCheckResponse.UNKNOWN, None),
        (grpc.StatusCode.UNAVAILABLE, False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, False),
        *((code, None) for code in grpc.StatusCode if code.name not in {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"}),
    ],
    ids=str,
)
async def test_of_all_other_answers_only_silence_means_that_nobody_serves(
    channel: GrpcChannel, health: Health, answer: object, serves: bool | None
) -> None:
    health.answer = answer

    assert await channel.is_serving(SERVICE) is serves


async def test_a_participant_that_does_not_answer_for_its_health_does_not_serve(
    channel: GrpcChannel, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HEALTH_SECONDS", 0.05)
    health.answer = None

    async with asyncio.timeout(10):
        assert await channel.is_serving(SERVICE) is False


@pytest.mark.parametrize("answer", [None, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED], ids=str)
async def test_a_participant_whose_health_stays_silent_is_tried_in_the_end_if_its_connection_stands(
    channel: GrpcChannel, health: Health, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(module, "_HEALTH_SECONDS", 0.05)
    health.answer = HealthCheckResponse.SERVING
    assert await channel.is_serving(SERVICE) is True
    health.answer = answer
    assert await channel.is_serving(SERVICE) is False

    monkeypatch.setattr(SilentHealth, "is_doubted", lambda *_: True)

    async with asyncio.timeout(10):
        assert await channel.is_serving(SERVICE) is None


async def test_where_nobody_takes_the_connection_nobody_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SilentHealth, "is_doubted", lambda *_: True)
    nobody = GrpcChannel("127.0.0.1:1")

    assert await nobody.is_serving(SERVICE) is False
    await nobody.close()


async def test_grpc_sends_nothing_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt has a number, a span and an entry; one that gRPC makes has none."""
    seen: dict[str, object] = {}
    insecure_channel = grpc.aio.insecure_channel

    def noted(address: str, options: Any, interceptors: Any) -> grpc.aio.Channel:  # noqa: ANN401 - gRPC's
        seen.update(options)
        return insecure_channel(address, options=options, interceptors=interceptors)

    monkeypatch.setattr(grpc.aio, "insecure_channel", noted)
    channel = GrpcChannel("127.0.0.1:1")

    assert seen["grpc.enable_retries"] == 0
    assert seen["grpc.service_config_disable_resolution"] == 1
    await channel.close()
