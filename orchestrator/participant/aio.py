"""The guard before a ``grpc.aio`` server.

    server = grpc.aio.server(interceptors=[GuardInterceptor(records, {
        "hotel.v1.HotelService": {"BookRoom": Kind.COMMAND, "CancelRoom": Kind.COMPENSATION, "GetBooking": Kind.QUERY},
    })])

A handler that is a coroutine needs records on an ``AsyncEngine``. One that is a plain function runs in a thread, from
the first statement to the last, and needs records on an ``Engine`` or a driver.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import grpc
import grpc.aio

from orchestrator.participant.driving import AsyncRecords, Records, answer, answer_async
from orchestrator.participant.methods import (
    ENDINGS,
    AsyncRunning,
    Handler,
    Kinds,
    Method,
    Running,
    Validate,
    guarded_method,
    refused,
)
from orchestrator.participant.security.trust import Trusts, everybody

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.participant.statuses import Trailing
    from orchestrator.participant.steps import Answer, Call

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class GuardInterceptor(grpc.aio.ServerInterceptor):
    """Guards the listed services, and leaves the others alone.

    Args:
        records: where the records are; of the kind that the handlers need.
        kinds: what each method is, by the full name of its service. A method of a listed service that is not listed is
            refused with UNIMPLEMENTED.
        validate: from a request to the google.rpc.Status that refuses it, or to ``None``; asked before the guard, so
            such a refusal is neither recorded nor echoed.
        trusts: which roles a caller has, such as ``TrustedCallers(Path("callers"))``; asked before all else.
    """

    def __init__(
        self,
        records: AsyncRecords | Records,
        kinds: Kinds,
        *,
        validate: Validate | None = None,
        trusts: Trusts = everybody,
    ) -> None:
        self._records = records
        self._kinds = kinds
        self._validate = validate
        self._trusts = trusts

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a call, guarded."""
        path = handler_call_details.method
        handler = await continuation(handler_call_details)
        method = guarded_method(self._kinds, path, handler, self._validate, self._trusts)
        if isinstance(method, Method):
            in_coroutine = inspect.iscoroutinefunction(method.handler.unary_unary)
            if in_coroutine is self._records.is_async:
                return _handler(self._guarding(method))
            wants = "`async def` needs records on an AsyncEngine, `def` on an Engine or a driver"
            method = refused(f"the handler of {path} does not fit its records: {wants}")
        return _handler(_refusing(method)) if isinstance(method, str) else handler

    def _guarding(self, method: Method) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def behaviour(request: bytes, context: Context) -> bytes:
            call: Call | None = None
            trailing: Trailing = ()
            ended: Answer | Exception
            try:
                call, message = method.begin(request, context)
                ended, trailing = await self._answer(method, call, message, context)
            except ENDINGS as error:
                ended = error
            status, echo = method.end(call, ended)
            if status is not None:
                await context.abort(status.code, status.message, (*echo, *status.trailing))
            context.set_trailing_metadata((*echo, *trailing))
            return cast("Answer", ended).content

        return behaviour

    async def _answer(self, method: Method, call: Call, message: object, context: Context) -> tuple[Answer, Trailing]:
        if self._records.is_async:
            waited = AsyncRunning(method, message, context)
            return await answer_async(call, cast("AsyncRecords", self._records), waited), waited.trailing
        running = Running(method, message, context)
        return await asyncio.to_thread(answer, call, cast("Records", self._records), running), running.trailing


def _handler(behaviour: Callable[[bytes, Context], Awaitable[bytes]]) -> Handler:
    # Bytes come in and go out. The stubs know only the synchronous form of a handler.
    untyped: Any = behaviour
    return grpc.unary_unary_rpc_method_handler(untyped)


def _refusing(reason: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def behaviour(_request: bytes, context: Context) -> bytes:
        return await context.abort(grpc.StatusCode.UNIMPLEMENTED, reason)

    return behaviour
