"""Answers requests whose bytes are no message, on every rpc of the server: health and reflection too.

gRPC would answer UNKNOWN with the class names of our side, and log a traceback for each. A single request is decoded
here, and not before. Of a stream, gRPC decodes each request when the method asks for it, so its error is raised inside
the method and arrives here.

A handler keeps its shape: a method that yields its replies stays a generator, and one that writes them a coroutine.
"""

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from services.chassis.errors import InvalidRequest
from services.chassis.over_grpc.refusal import Context, refuse

_LOGGER = logging.getLogger(__name__)

# Quoted, as the class is generic for type checkers only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Read: TypeAlias = Callable[[Any], Any]

_FACTORIES: Final[dict[tuple[bool, bool], Any]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class Decoding(grpc.aio.ServerInterceptor):
    """Stands around every method, outside of all other interceptors, which receive decoded messages."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """The handler of a call, wrapped. Each method is wrapped once; a name that is not served is not remembered."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            known = self._handlers[path] = _decoding(path, handler)
        return known


class _UndecodableError(Exception):
    """The bytes are not of the type that the method takes."""


def _decoding(path: str, handler: Handler) -> Handler:
    read = _reader(handler.request_deserializer)
    behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    wrap = _yielding if inspect.isasyncgenfunction(behaviour) else _returning
    one_by_one = bool(handler.request_streaming)
    wrapped: Handler = _FACTORIES[one_by_one, bool(handler.response_streaming)](
        wrap(path, behaviour, _as_it_is if one_by_one else read),
        request_deserializer=read if one_by_one else None,
        response_serializer=handler.response_serializer,
    )
    return wrapped


def _reader(deserialize: Read | None) -> Read:
    def read(raw: bytes) -> object:
        try:
            return deserialize(raw) if deserialize else raw
        except DecodeError:
            raise _UndecodableError from None

    return read


def _as_it_is(requests: object) -> object:
    return requests


def _returning(path: str, behaviour: Any, read: Read) -> Callable[[Any, Context], Awaitable[Any]]:  # noqa: ANN401 - behaviours of all four shapes
    async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401
        try:
            return await behaviour(read(request), context)
        except _UndecodableError:
            await _refuse(path, context)

    return answer


def _yielding(path: str, behaviour: Any, read: Read) -> Callable[[Any, Context], AsyncIterator[Any]]:  # noqa: ANN401
    async def answers(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401
        try:
            async for reply in behaviour(read(request), context):
                yield reply
        except _UndecodableError:
            await _refuse(path, context)

    return answers


async def _refuse(path: str, context: Context) -> None:
    _LOGGER.warning("%s: the bytes of a request are not of the type that it takes", path)
    await refuse(context, InvalidRequest([("", "the bytes of the request are not of the type that this method takes")]))
