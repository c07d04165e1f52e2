"""Takes the unary methods of the service from gRPC, and gives its answers back as statuses and trailing metadata."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
from google.protobuf.message import Message

from orchestrator.participant.metadata import IDEMPOTENCY_KEY
from orchestrator.participant.security.callers import caller_of
from services.chassis.answering import Answering
from services.chassis.arrivals import Arrival, Way
from services.chassis.over_grpc.refusal import Context, end

# Quoted, as the class is generic for type checkers only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour: TypeAlias = Callable[[Message, Context], Awaitable[Message]]


class ServiceInterceptor(grpc.aio.ServerInterceptor):
    """Stands in the place of the unary methods of one service, and leaves health and reflection alone.

    Args:
        answering: answers their calls.
    """

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        contract = answering.contract
        self._names = {f"/{contract.full_name}/{method.name}": method.name for method in contract.methods}
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """The handler of a call; that of each method is made once."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        name = self._names.get(path)
        if name is None or handler is None or handler.unary_unary is None:
            return handler
        self._handlers[path] = grpc.unary_unary_rpc_method_handler(
            self._behaviour(name),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return self._handlers[path]

    def _behaviour(self, name: str) -> Behaviour:
        async def answer(request: Message, context: Context) -> Message:
            call = Arrival.of(
                name,
                request,
                context.invocation_metadata() or (),
                way=Way.GRPC,
                # The stubs are wrong here: a call without a deadline has None left.
                seconds_left=cast("Callable[[], float | None]", context.time_remaining),
                tell_caller=partial(caller_of, context),
            )
            answered = await self._answering.answer(call)
            if answered.reply is None:
                await end(context, answered)
            elif answered.echo is not None:
                context.set_trailing_metadata(((IDEMPOTENCY_KEY, answered.echo),))
            assert answered.reply is not None
            return answered.reply

        return answer
