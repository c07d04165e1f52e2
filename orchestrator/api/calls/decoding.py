"""Requests that are no messages: answered like any other bad input.

gRPC calls a method's deserializer outside of everything that a server can wrap, and tells the caller, and the log, of
whatever it raises in words of Python. So here it does not raise: it hands on something else, which the boundary
refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import DecodeError

from orchestrator.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class _NoMessage(NamedTuple):
    """What came instead of a request."""

    size: int


def tolerant(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """The deserializer; what it cannot read becomes something that :func:`refuse_undecodable` refuses."""

    def read(serialized: bytes) -> Any:  # noqa: ANN401 - as the deserializer
        try:
            return deserialize(serialized)
        except (DecodeError, ValueError):  # UnicodeDecodeError is one
            return _NoMessage(len(serialized))

    return read


def refuse_undecodable(request: object) -> None:
    """Check that a request is a message.

    Raises:
        Undecodable: it is not.
    """
    if isinstance(request, _NoMessage):
        raise Undecodable(("", f"these {request.size} bytes are not the message that the contract declares"))


async def decoded(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The requests of a stream, up to the first that is no message.

    Raises:
        Undecodable: there was one.
    """
    async for request in requests:
        refuse_undecodable(request)
        yield request
