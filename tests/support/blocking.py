"""What the types of the generated stubs do not know: that a channel may be a blocking one, which returns replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import grpc
    import grpc.aio

Stub = TypeVar("Stub")
Request = TypeVar("Request")
Reply = TypeVar("Reply")


def stub_over(channel: grpc.Channel, stub: Callable[[grpc.aio.Channel], Stub]) -> Stub:
    """A stub over a blocking channel."""
    return stub(cast("grpc.aio.Channel", channel))


def reply_of(call: grpc.aio.UnaryUnaryCall[Request, Reply]) -> Reply:
    """What such a stub has returned, by its true type."""
    return cast("Reply", call)


def replies_of(call: grpc.aio.UnaryStreamCall[Request, Reply]) -> Iterator[Reply]:
    """The stream that such a stub has returned, by its true type."""
    return cast("Iterator[Reply]", call)
