"""What the type stubs of gRPC's own services do not know: that channels, and errors, may be asynchronous ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from grpc_status import rpc_status

if TYPE_CHECKING:
    import grpc.aio


def health_stub(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 - see above
    """The health service behind a channel."""
    return HealthStub(channel)


def reflection_stub(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 - see above
    """The reflection service behind a channel."""
    untyped: Any = ServerReflectionStub
    return untyped(channel)


def status_of(error: grpc.aio.AioRpcError) -> Any:  # noqa: ANN401 - a message without types
    """The google.rpc.Status that a server has sent with an error; ``None`` where it has sent none."""
    untyped: Any = error
    return rpc_status.from_call(untyped)
