"""The way to participants over plain gRPC."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from grpc.aio import Metadata
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from orchestrator.channels.grpc.replaceable_channel import DEFAULT_SETTINGS, ChannelSettings, ReplaceableChannel
from orchestrator.channels.grpc.status import outcome_of
from orchestrator.channels.silent_health import SilentHealth
from orchestrator.channels.status import IDEMPOTENCY_KEY, REPLY_MISSING, too_large
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Failure, Outcome, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.contract.command import Command

_NO_MESSAGE = Failure(StatusCode.INTERNAL, "the participant said OK and sent no reply", REPLY_MISSING)

_HEALTH_SECONDS = 1.0
# A participant that answers anything else is there; whether it serves, a trial tells. A proxy says these in its place.
_NOBODY_ANSWERS = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_SAYS = {HealthCheckResponse.SERVING: True, HealthCheckResponse.NOT_SERVING: False}


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

    __slots__ = ("_call", "_line", "_most_bytes", "_path", "_rules", "_token")

    def __init__(self, line: ReplaceableChannel, command: Command, settings: ChannelSettings) -> None:
        self._line = line
        self._path = command.path
        self._rules = command.outcomes
        self._most_bytes = settings.most_bytes
        self._token = settings.security.tokens.get(command.service)
        self._call: Any = None
        line.follow(self._use)

    async def __call__(self, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the deadline travels with the call
        """Make one attempt; see the port."""
        if len(request) > self._most_bytes:
            return too_large(len(request), self._most_bytes)
        channel = self._line.channel
        sent = metadata if self._token is None else (*metadata, self._token.metadata)
        try:
            reply = await self._call(request, metadata=_Pairs(sent), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            _note(self._line, channel, error.code())
            return outcome_of(error, self._rules, dict(metadata).get(IDEMPOTENCY_KEY, ""), len(request))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Unknown(Failure(StatusCode.CANCELLED, "the channel was closed during the call"))
        self._line.timeouts = 0
        return Unknown(_NO_MESSAGE) if reply is None else Completed(reply)

    def _use(self, channel: grpc.aio.Channel) -> None:
        # Without serializers, requests and replies are bytes.
        self._call = channel.unary_unary(self._path, _registered_method=True)  # type: ignore[call-arg]  # as stubs do


class GrpcChannel:
    """The way to the participants at one address; see :class:`orchestrator.ports.channel.Channel`.

    Args:
        address: ``host:port``, or what else gRPC itself resolves.
        settings: how they are reached.

    Attributes:
        address: as given.
    """

    def __init__(self, address: str, settings: ChannelSettings = DEFAULT_SETTINGS) -> None:
        self.address = address
        self._settings = settings
        self._line = ReplaceableChannel(address, settings)
        self._silent_health = SilentHealth()

    @property
    def current(self) -> grpc.aio.Channel:
        """The channel of gRPC's own as it is now, for one use: it may be another one the next time."""
        return self._line.channel

    def caller(self, command: Command) -> GrpcCaller:
        """See the port."""
        return GrpcCaller(self._line, command, self._settings)

    async def is_serving(self, service: str) -> bool | None:
        """See the port."""
        channel = self.current
        stub: Any = HealthStub(channel)
        try:
            answer = await stub.Check(HealthCheckRequest(service=service), timeout=_HEALTH_SECONDS)
        except grpc.aio.AioRpcError as error:
            _note(self._line, channel, error.code())
            if error.code() in _NOBODY_ANSWERS:
                return self._unheard(service, channel)
            answer = None
        except DecodeError:
            answer = None
        else:
            self._line.timeouts = 0
        self._silent_health.end(service)
        return _SAYS.get(answer.status) if answer is not None else None

    def _unheard(self, service: str, channel: grpc.aio.Channel) -> bool | None:
        """What a health check without an answer says; a connection that stands was made with somebody."""
        if channel.get_state() is not grpc.ChannelConnectivity.READY:
            self._silent_health.end(service)
            return False
        return None if self._silent_health.is_doubted(service, time.monotonic()) else False

    async def close(self) -> None:
        """See the port."""
        await self._line.close()


def _note(line: ReplaceableChannel, channel: grpc.aio.Channel, code: grpc.StatusCode) -> None:
    """What the end of a call that failed says about its connection."""
    if code is grpc.StatusCode.UNAVAILABLE:
        line.explain()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        line.note_timeout(channel)
    elif channel is line.channel:
        line.timeouts = 0
