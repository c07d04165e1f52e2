"""The way to a participant: whether it serves, and what gRPC does by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer, add_HealthServicer_to_server

from orchestrator.channels.grpc import participants as module
from orchestrator.channels.grpc.participants import GrpcParticipants

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVICE = "shop.payment.v1.PaymentService"


class Health(HealthServicer):
    """Answers as it is told; ``None`` for never."""

    def __init__(self) -> None:
        self.answer: Any = HealthCheckResponse.SERVING
        self.asked: list[str] = []

    async def Check(self, request: Any, context: Any) -> HealthCheckResponse:  # noqa: ANN401, N802 - gRPC's
        self.asked.append(request.service)
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, grpc.StatusCode):
            await context.abort(self.answer, "as told")
        return HealthCheckResponse(status=self.answer)


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def participants(health: Health) -> AsyncIterator[GrpcParticipants]:
    server = grpc.aio.server()
    add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    found = GrpcParticipants({SERVICE: f"127.0.0.1:{port}"})
    yield found
    await found.close()
    await server.stop(None)


@pytest.mark.parametrize(
    ("answer", "serves"),
    [
        (HealthCheckResponse.SERVING, True),
        (HealthCheckResponse.NOT_SERVING, False),
        (HealthCheckResponse.SERVICE_UNKNOWN, None),
        (HealthCheckResponse.UNKNOWN, None),
        (grpc.StatusCode.UNAVAILABLE, False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, False),
        *((code, None) for code in grpc.StatusCode if code.name not in {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"}),
    ],
    ids=str,
)
async def test_only_who_says_not_serving_or_says_nothing_is_down(
    participants: GrpcParticipants, health: Health, answer: object, serves: bool | None
) -> None:
    health.answer = answer

    assert await participants.is_serving(SERVICE) is serves
    assert health.asked == [SERVICE]


async def test_a_participant_that_does_not_answer_for_its_health_does_not_serve(
    participants: GrpcParticipants, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HEALTH_SECONDS", 0.05)
    health.answer = None

    async with asyncio.timeout(10):
        assert await participants.is_serving(SERVICE) is False


async def test_grpc_sends_nothing_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt has a number, a span and an entry; one that gRPC makes has none."""
    seen: dict[str, object] = {}
    insecure_channel = grpc.aio.insecure_channel

    def noted(address: str, options: Any) -> grpc.aio.Channel:  # noqa: ANN401 - gRPC's
        seen.update(options)
        return insecure_channel(address, options=options)

    monkeypatch.setattr(grpc.aio, "insecure_channel", noted)
    participants = GrpcParticipants({SERVICE: "127.0.0.1:1"})
    participants.channel(SERVICE)

    assert seen["grpc.enable_retries"] == 0
    assert seen["grpc.service_config_disable_resolution"] == 1
    await participants.close()
