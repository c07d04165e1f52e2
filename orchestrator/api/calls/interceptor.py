"""The one place that every call passes: its decoding, its validation, and its errors as rich statuses."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NoReturn, cast

import grpc
import grpc.aio
from grpc_status import rpc_status

from orchestrator.access.subject import current
from orchestrator.api.calls.decoding import decoded, refuse_undecodable, tolerant
from orchestrator.api.calls.refusals import status_for
from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.errors import AccessRefused, Draining, Undecodable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from google.protobuf.message import Message

    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
    Check = Callable[[Message], None]

_log = logging.getLogger(__name__)


class Boundary(grpc.aio.ServerInterceptor):
    """Stands around every method. Those of the API are validated too; health and reflection have no constraints.

    A request is validated here and nowhere else. Only what it holds in an Any is for its servicer to validate: here,
    that is bytes of a type that is not known.

    Args:
        services: the full names of the API's services.
    """

    def __init__(self, services: frozenset[str]) -> None:
        self._services = services
        self._handlers: dict[str, Handler] = {}
        self._streams = _Streams()

    def drain(self) -> None:
        """End the streams that would go on for ever; calls with one answer are let finish."""
        self._streams.end()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a call, wrapped; each method is wrapped once."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        is_ours = path.split("/")[1] in self._services
        self._handlers[path] = _wrapped(
            handler, path, _checked if is_ours else refuse_undecodable, self._streams if is_ours else _Streams()
        )
        return self._handlers[path]


class _Streams:
    """The streams that are open, each in a task of its own; ended by a cancel, which is told as an error."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[Any]] = set()
        self.are_ended = False

    def end(self) -> None:
        self.are_ended = True
        for task in self._open:
            task.cancel()

    async def until_the_end(self, messages: AsyncIterator[Message]) -> AsyncIterator[Message]:
        """The messages, as long as the process does not end.

        Raises:
            Draining: it does.
        """
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            async for message in messages:
                yield message
        except asyncio.CancelledError:
            if not self.are_ended:
                raise
            task.uncancel()
            raise Draining("this replica is about to end; watch at another one, or here once it is back") from None
        finally:
            self._open.discard(task)


def _checked(request: Message) -> None:
    refuse_undecodable(request)
    refuse_invalid(request)


def _wrapped(handler: Handler, path: str, check: Check, streams: _Streams) -> Handler:
    kind: dict[str, Any] = {
        "request_deserializer": tolerant(cast("Any", handler.request_deserializer)),
        "response_serializer": handler.response_serializer,
    }
    # The stubs know only the synchronous form of a handler.
    if handler.stream_stream is not None:
        return grpc.stream_stream_rpc_method_handler(_conversed(cast("Any", handler.stream_stream), path), **kind)
    if handler.unary_stream is not None:
        streamed = _streamed(cast("Any", handler.unary_stream), path, check, streams)
        return grpc.unary_stream_rpc_method_handler(streamed, **kind)
    assert handler.unary_unary is not None, f"{path}: no service here takes a stream and answers once"
    return grpc.unary_unary_rpc_method_handler(_answered(cast("Any", handler.unary_unary), path, check), **kind)


def _answered(behaviour: Callable[[Message, Context], Awaitable[Message]], path: str, check: Check) -> Any:  # noqa: ANN401 - see _wrapped
    async def answer(request: Message, context: Context) -> Message:
        try:
            check(request)
            return await behaviour(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - every error has a status
            return await _refuse(error, path, context)

    return answer


def _streamed(
    behaviour: Callable[[Message, Context], AsyncIterator[Message]], path: str, check: Check, streams: _Streams
) -> Any:  # noqa: ANN401 - see _wrapped
    async def stream(request: Message, context: Context) -> AsyncIterator[Message]:
        try:
            check(request)
            async for message in streams.until_the_end(behaviour(request, context)):
                yield message
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - every error has a status
            await _refuse(error, path, context)

    return stream


def _conversed(behaviour: Callable[[AsyncIterator[Message], Context], AsyncIterator[Message]], path: str) -> Any:  # noqa: ANN401 - see _wrapped
    async def converse(requests: AsyncIterator[Message], context: Context) -> AsyncIterator[Message]:
        try:
            async for message in behaviour(decoded(requests), context):
                yield message
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - every error has a status
            await _refuse(error, path, context)

    return converse


async def _refuse(error: Exception, path: str, context: Context) -> NoReturn:
    if isinstance(error, Undecodable):
        _log.warning("%s is refused: %s", path, error)
    if isinstance(error, AccessRefused):  # by what it asks for, which the door does not read
        _log.warning("%s is refused to %s: %s", path, current(), error)
    await context.abort_with_status(rpc_status.to_status(status_for(error)))
