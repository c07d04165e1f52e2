"""Plain gRPC channels to the participants, one for each address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from grpc.aio import Metadata
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from orchestrator.contract.addresses import channel_options
from orchestrator.engine.outcome import Completed, Failure, Outcome, Unknown
from orchestrator.transport.status import IDEMPOTENCY_KEY, outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.contract.command import Command

# A participant that was away is tried again soon: the engine's own backoff says how often commands are sent.
_CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.enable_retries", 0),
)

_HEALTH_SECONDS = 1.0
_TELLS_NO_HEALTH = frozenset({grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND})


class _Pairs(Metadata):
    """Metadata as they were made: gRPC asks for all of them, and would take a tuple apart and join it again."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)


class GrpcCaller:
    """Delivers one command over a plain channel. The bytes go out as they were journalled."""

    __slots__ = ("_call", "_rules")

    def __init__(self, channel: grpc.aio.Channel, command: Command) -> None:
        # Without serializers, requests and replies are bytes.
        self._call: Any = channel.unary_unary(command.path, _registered_method=True)  # type: ignore[call-arg]  # as stubs do
        self._rules = command.outcomes

    async def __call__(self, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the deadline travels with the call
        """Make one attempt; see the port."""
        try:
            return Completed(await self._call(request, metadata=_Pairs(metadata), timeout=timeout))
        except grpc.aio.AioRpcError as error:
            return outcome_of(error, self._rules, dict(metadata).get(IDEMPOTENCY_KEY, ""))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Unknown(Failure("CANCELLED", "the channel was closed during the call"))


class GrpcParticipants:
    """The way to the participants of the served sagas.

    Args:
        addresses: ``host:port`` by the full name of the service.
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._channels: dict[str, grpc.aio.Channel] = {}

    def channel(self, service: str) -> grpc.aio.Channel:
        """The channel to a service; those at one address share it."""
        address = self._addresses[service]
        channel = self._channels.get(address)
        if channel is None:
            channel = grpc.aio.insecure_channel(address, options=channel_options(address, *_CHANNEL_OPTIONS))
            self._channels[address] = channel
        return channel

    def caller(self, command: Command) -> GrpcCaller:
        """See the port."""
        return GrpcCaller(self.channel(command.service), command)

    async def is_serving(self, service: str) -> bool | None:
        """See the port."""
        stub: Any = HealthStub(self.channel(service))
        try:
            answer = await stub.Check(HealthCheckRequest(service=service), timeout=_HEALTH_SECONDS)
        except grpc.aio.AioRpcError as error:
            return None if error.code() in _TELLS_NO_HEALTH else False
        return bool(answer.status == HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """Close every channel."""
        for channel in self._channels.values():
            await channel.close()
