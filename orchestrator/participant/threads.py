"""The guard before a ``grpc`` server, whose handlers are plain functions in threads.

server = grpc.server(ThreadPoolExecutor(8), interceptors=[GuardInterceptor(records, {
"hotel.v1.HotelService": {"BookRoom": Kind.COMMAND, "CancelRoom": Kind.COMPENSATION, "GetBooking": Kind.QUERY},
})])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import grpc

from orchestrator.participant.driving import Records, answer
from orchestrator.participant.methods import ENDINGS, Handler, Kinds, Method, Running, Validate, guarded_method
from orchestrator.participant.security.trust import Trusts, everybody

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.participant.statuses import Trailing
    from orchestrator.participant.steps import Answer, Call

Context: TypeAlias = grpc.ServicerContext


class GuardInterceptor(grpc.ServerInterceptor):
    """Guards the listed services, and leaves the others alone; the arguments are those of the one in ``aio``.

    The records are on an ``Engine`` or a driver.
    """

    def __init__(
        self, records: Records, kinds: Kinds, *, validate: Validate | None = None, trusts: Trusts = everybody
    ) -> None:
        if records.is_async:
            raise TypeError("handlers in threads need records on an Engine or a driver, and not on an AsyncEngine")
        self._records = records
        self._kinds = kinds
        self._validate = validate
        self._trusts = trusts

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a call, guarded."""
        handler = continuation(handler_call_details)
        method = guarded_method(self._kinds, handler_call_details.method, handler, self._validate, self._trusts)
        if isinstance(method, Method):
            return grpc.unary_unary_rpc_method_handler(self._guarding(method))
        return grpc.unary_unary_rpc_method_handler(_refusing(method)) if isinstance(method, str) else handler

    def _guarding(self, method: Method) -> Callable[[bytes, Context], bytes]:
        def behaviour(request: bytes, context: Context) -> bytes:
            call: Call | None = None
            trailing: Trailing = ()
            ended: Answer | Exception
            try:
                call, message = method.begin(request, context)
                running = Running(method, message, context)
                ended, trailing = answer(call, self._records, running), running.trailing
            except ENDINGS as error:
                ended = error
            status, echo = method.end(call, ended)
            untyped: Any = context
            untyped.set_trailing_metadata((*echo, *(trailing if status is None else status.trailing)))
            if status is not None:
                context.abort(status.code, status.message)
            return cast("Answer", ended).content

        return behaviour


def _refusing(reason: str) -> Callable[[bytes, Context], bytes]:
    def behaviour(_request: bytes, context: Context) -> bytes:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, reason)

    return behaviour
