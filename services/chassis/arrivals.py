"""A call as it has come, whichever way, and what it is answered with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2

from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.security.trust import Caller


class Way(StrEnum):
    """How a call comes; named as traces name the system of a call."""

    GRPC = "grpc"
    NATS = "nats"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One call of a method of the service. To a servicer's method it is the context of its call.

    Attributes:
        method: the name of the rpc.
        request: its request.
        sent: what came with it, names in lower case.
        metadata: what of that concerns the guard.
        way: how it came.
        seconds_left: until when its caller waits, in seconds from now; ``None`` where the caller has not said it.
        tell_caller: who calls, as far as that is proven.
    """

    method: str
    request: Message
    sent: tuple[tuple[str, str | bytes], ...]
    metadata: CallMetadata
    way: Way
    seconds_left: Callable[[], float | None]
    tell_caller: Callable[[], Caller]

    @classmethod
    def of(
        cls,
        method: str,
        request: Message,
        sent: Iterable[tuple[str, str | bytes]],
        *,
        way: Way,
        seconds_left: Callable[[], float | None],
        tell_caller: Callable[[], Caller],
    ) -> "Arrival":
        """One whose metadata are read from what was sent."""
        sent = tuple(sent)
        return cls(method, request, sent, CallMetadata.read(sent), way, seconds_left, tell_caller)

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """As gRPC's context."""
        return self.sent


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with: a reply, or a status.

    Attributes:
        code: how it ended.
        reply: what the method returned; ``None`` where there is a status.
        status: what the caller is told in the place of a reply.
        echo: the idempotency key, where the answer holds for every attempt of it; else ``None``.
    """

    code: grpc.StatusCode
    reply: Message | None = None
    status: status_pb2.Status | None = None
    echo: str | None = None
