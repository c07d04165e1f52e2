"""What the types of the generated stubs do not know: that a channel may be a blocking one, which returns replies.

Who calls is the local operator of the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc
import grpc.aio

from tests.support.tokens import AUTHORIZATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Stub = TypeVar("Stub")
Request = TypeVar("Request")
Reply = TypeVar("Reply")


def stub_over(channel: grpc.Channel, stub: Callable[[grpc.aio.Channel], Stub]) -> Stub:
    """A stub over a blocking channel."""
    return stub(cast("grpc.aio.Channel", grpc.intercept_channel(channel, _Bearing())))


class _Bearing(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds the token; the parameters are gRPC's own."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:  # noqa: ANN401
        return continuation(client_call_details._replace(metadata=[AUTHORIZATION]), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:  # noqa: ANN401
        return continuation(client_call_details._replace(metadata=[AUTHORIZATION]), request)


def reply_of(call: grpc.aio.UnaryUnaryCall[Request, Reply]) -> Reply:
    """What such a stub has returned, by its true type."""
    return cast("Reply", call)


def replies_of(call: grpc.aio.UnaryStreamCall[Request, Reply]) -> Iterator[Reply]:
    """The stream that such a stub has returned, by its true type."""
    return cast("Iterator[Reply]", call)
