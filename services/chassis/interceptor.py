"""Every call of the service passes here: its caller and its request are checked, and its errors become statuses.

The guard's answers that hold for every attempt of an idempotency key echo that key in their trailing metadata, because
proxies and wrong backends answer too, and do not echo it. These are all replies, since every method runs behind the
guard, and the refusals that the guard settled.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from orchestrator.participant.metadata import IDEMPOTENCY_KEY, CallMetadata
from orchestrator.participant.trust import Trusts
from services.chassis.calls import during
from services.chassis.errors import InternalError, ServiceError
from services.chassis.guard import refuse_stranger
from services.chassis.participant import KIND
from services.chassis.refusal import Context, refuse
from services.chassis.spans import Span, Tracing
from services.chassis.validation import refuse_invalid

_LOGGER = logging.getLogger(__name__)

# Quoted, as the class is generic for type checkers only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour: TypeAlias = Callable[[Message, Context], Awaitable[Message]]


class ServiceInterceptor(grpc.aio.ServerInterceptor):
    """Stands around the unary methods of one service, and leaves health and reflection alone.

    Args:
        contract: the service.
        tracing: where its spans go.
        trusts: which roles a caller has; asked before all else.
    """

    def __init__(self, contract: ServiceDescriptor, tracing: Tracing, trusts: Trusts) -> None:
        self._tracing = tracing
        self._trusts = trusts
        self._domain = error_domain(contract)
        self._names = {f"/{contract.full_name}/{method.name}": method.name for method in contract.methods}
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """The handler of a call, wrapped; each method is wrapped once."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        name = self._names.get(path)
        if name is None or handler is None or handler.unary_unary is None:
            return handler
        self._handlers[path] = grpc.unary_unary_rpc_method_handler(
            # The stubs know only the synchronous form of a handler.
            self._wrapped(name, cast("Behaviour", handler.unary_unary)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return self._handlers[path]

    def _wrapped(self, name: str, behaviour: Behaviour) -> Behaviour:
        kind = getattr(behaviour, KIND, "")

        async def answer(request: Message, context: Context) -> Message:
            metadata = CallMetadata.read(context.invocation_metadata())
            span = self._tracing.start(name, request, metadata)
            with during(metadata, span.trace_id, span.span_id):
                return await answered(request, context, metadata, span)

        async def answered(request: Message, context: Context, metadata: CallMetadata, span: Span) -> Message:
            try:
                refuse_stranger(self._trusts, context, kind, metadata, name)
                refuse_invalid(request, metadata, kind)
                reply = await behaviour(request, context)
            except ServiceError as error:
                span.end(error.code)
                refusal = error
            except Exception as error:
                _LOGGER.exception("%s failed", name)
                refusal = InternalError()
                span.end(refusal.code, error)
            except asyncio.CancelledError:
                span.end(_cancelled(context))
                raise
            else:
                span.end(grpc.StatusCode.OK)
                if metadata.idempotency_key is not None:
                    context.set_trailing_metadata(((IDEMPOTENCY_KEY, metadata.idempotency_key),))
                return reply
            echo = metadata.idempotency_key if refusal.settled else None
            return await refuse(context, refusal, domain=self._domain, echo=echo)

        return answer


def error_domain(contract: ServiceDescriptor) -> str:
    """The domain of the service's google.rpc.ErrorInfo: ``inventory.shop`` for the package ``shop.inventory.v1``."""
    return ".".join(reversed(contract.file.package.split(".")[:-1]))


def _cancelled(context: Context) -> grpc.StatusCode:
    # The stubs are wrong here: a call without a deadline has None left.
    left = cast("float | None", context.time_remaining())
    return grpc.StatusCode.CANCELLED if left is None or left > 0 else grpc.StatusCode.DEADLINE_EXCEEDED
