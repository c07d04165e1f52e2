"""The one place that every call of the API passes: its validation, and its errors as rich statuses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from orchestrator import errors
from orchestrator.transport.validation import refuse_invalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from google.protobuf.message import Message

    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]

_log = logging.getLogger(__name__)

DOMAIN: Final = "orchestrator"

# The code and the ErrorInfo reason of each error that a caller may see; the first match counts.
_CODES: Final[tuple[tuple[type[errors.OrchestratorError], grpc.StatusCode, str], ...]] = (
    (errors.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT"),
    (errors.SagaNotFound, grpc.StatusCode.NOT_FOUND, "SAGA_NOT_FOUND"),
    (errors.SagaExists, grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"),
    (errors.OperationRefused, grpc.StatusCode.FAILED_PRECONDITION, ""),
    (errors.ClaimLost, grpc.StatusCode.ABORTED, "CLAIM_LOST"),
    (errors.JournalError, grpc.StatusCode.UNAVAILABLE, "JOURNAL_UNAVAILABLE"),
)
_RETRY_SECONDS: Final = 1


def status_for(error: Exception) -> status_pb2.Status:
    """What a caller is told. The inside of an unexpected error stays inside."""
    for kind, code, reason in _CODES:
        if isinstance(error, kind):
            status = status_pb2.Status(code=code.value[0], message=str(error))
            info = error_details_pb2.ErrorInfo(reason=reason or getattr(error, "reason", ""), domain=DOMAIN)
            if isinstance(error, errors.SagaError):
                info.metadata["saga_id"] = error.saga_id
            status.details.add().Pack(info)
            for detail in _further(error, code):
                status.details.add().Pack(detail)
            return status
    _log.error("a call failed unexpectedly", exc_info=error)
    return status_pb2.Status(code=code_pb2.INTERNAL, message="internal error; the orchestrator's log tells more")


class Boundary(grpc.aio.ServerInterceptor):
    """Stands around the methods of the API; health and reflection pass by.

    Args:
        services: the full names of the API's services.
    """

    def __init__(self, services: frozenset[str]) -> None:
        self._services = services
        self._handlers: dict[str, Handler] = {}

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
        if handler is None or path.split("/")[1] not in self._services:
            return handler
        self._handlers[path] = _wrapped(handler)
        return self._handlers[path]


def _wrapped(handler: Handler) -> Handler:
    kind: dict[str, Any] = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    # The stubs know only the synchronous form of a handler.
    if handler.unary_stream is not None:
        return grpc.unary_stream_rpc_method_handler(_streamed(cast("Any", handler.unary_stream)), **kind)
    return grpc.unary_unary_rpc_method_handler(_answered(cast("Any", handler.unary_unary)), **kind)


def _answered(behaviour: Callable[[Message, Context], Awaitable[Message]]) -> Any:  # noqa: ANN401 - see _wrapped
    async def answer(request: Message, context: Context) -> Message:
        try:
            refuse_invalid(request)
            return await behaviour(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - every error has a status
            return await context.abort_with_status(rpc_status.to_status(status_for(error)))

    return answer


def _streamed(behaviour: Callable[[Message, Context], AsyncIterator[Message]]) -> Any:  # noqa: ANN401 - see _wrapped
    async def stream(request: Message, context: Context) -> AsyncIterator[Message]:
        try:
            refuse_invalid(request)
            async for message in behaviour(request, context):
                yield message
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - every error has a status
            await context.abort_with_status(rpc_status.to_status(status_for(error)))

    return stream


def _further(error: errors.OrchestratorError, code: grpc.StatusCode) -> list[Message]:
    """The details besides ErrorInfo."""
    if isinstance(error, errors.InvalidInput):
        bad = error_details_pb2.BadRequest()
        for field, description in error.violations:
            bad.field_violations.add(field=field, description=description)
        return [bad]
    if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED}:
        return [error_details_pb2.RetryInfo(retry_delay=Duration(seconds=_RETRY_SECONDS))]
    return []
