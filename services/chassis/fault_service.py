"""Lets callers plan faults, and makes them: ``shop.fault.v1.FaultService``, and what stands around the other methods.

Both are there only where ``SHOP_FAULTS`` is true, and such a service does not start where a network reaches it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import wraps
from typing import Any, Final, TypeAlias, cast

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from orchestrator.participant.exposure import is_exposed
from orchestrator.participant.metadata import CallMetadata
from services.chassis.errors import InvalidRequest, ServiceError, StartupError
from services.chassis.faults import Fault, Kind, PlannedFaults
from services.chassis.refusal import Context, refuse
from services.chassis.settings import Settings
from services.chassis.validation import refuse_invalid
from shop.fault.v1 import fault_pb2
from shop.fault.v1.fault_pb2_grpc import FaultServiceServicer

NAME: Final = fault_pb2.DESCRIPTOR.services_by_name["FaultService"].full_name
"""The full name of the service."""

_LATE: Final = timedelta(milliseconds=500)
"""How much later than its deadline a slow call is answered."""
_KINDS: Final = {
    fault_pb2.FAULT_REFUSED: Kind.REFUSED,
    fault_pb2.FAULT_SLOW: Kind.SLOW,
    fault_pb2.FAULT_LOST_REPLY: Kind.LOST_REPLY,
    fault_pb2.FAULT_DOWN: Kind.DOWN,
    fault_pb2.FAULT_DELAY: Kind.DELAY,
}
_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}

# Quoted, as the class is generic for type checkers only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour: TypeAlias = Callable[[Message, Context], Awaitable[Message]]


def open_faults(settings: Settings, *, prefix: str) -> PlannedFaults | None:
    """Where faults are planned, if the settings allow any.

    Args:
        settings: of the service.
        prefix: what its variables begin with, such as ``INVENTORY_``.

    Raises:
        StartupError: they do, and a network would reach the service.
    """
    if not settings.faults:
        return None
    if is_exposed(settings.listen):
        raise StartupError(
            f"SHOP_FAULTS: {settings.listen} can be reached over a network, and everybody there could make calls fail; "
            f"set {prefix}LISTEN to an address of 127.0.0.1, or leave SHOP_FAULTS unset"
        )
    return PlannedFaults(time.monotonic)


class FaultService(FaultServiceServicer):
    """Plans and shows faults.

    Args:
        faults: where they are kept.
        methods: the names of the methods that can fail.
    """

    def __init__(self, faults: PlannedFaults, methods: frozenset[str]) -> None:
        self._faults = faults
        self._methods = methods

    async def PlanFaults(self, request: fault_pb2.PlanFaultsRequest, context: Context) -> fault_pb2.PlanFaultsResponse:
        """See the contract."""
        unknown = [
            (f"faults[{number}].method", f"is no method here; there are {', '.join(sorted(self._methods))}")
            for number, fault in enumerate(request.faults)
            if fault.method and fault.method not in self._methods
        ]
        await _refuse_invalid(request, context, unknown)
        self._faults.plan(request.order_id, map(_read, request.faults))
        return fault_pb2.PlanFaultsResponse()

    async def GetFaults(self, request: fault_pb2.GetFaultsRequest, context: Context) -> fault_pb2.GetFaultsResponse:
        """See the contract."""
        await _refuse_invalid(request, context)
        return fault_pb2.GetFaultsResponse(faults=map(_shown, self._faults.of(request.order_id)))


class FaultInterceptor(grpc.aio.ServerInterceptor):
    """Makes the planned faults of the unary methods of one service.

    Args:
        faults: what is planned.
        methods: the names of the service's methods.
        service: its full name.
    """

    def __init__(self, faults: PlannedFaults, methods: frozenset[str], service: str) -> None:
        self._faults = faults
        self._names = {f"/{service}/{name}": name for name in methods}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """The handler of a call, with its faults around it."""
        handler = await continuation(handler_call_details)
        name = self._names.get(handler_call_details.method)
        if name is None or handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            # The stubs know only the synchronous form of a handler.
            self._troubled(name, cast("Behaviour", handler.unary_unary)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _troubled(self, name: str, behaviour: Behaviour) -> Behaviour:
        @wraps(behaviour)
        async def answer(request: Message, context: Context) -> Message:
            saga_id = CallMetadata.read(context.invocation_metadata()).saga_id
            mishap = self._faults.strike(saga_id, name)
            if mishap is None:
                return await behaviour(request, context)
            delay = mishap.delay.total_seconds()
            try:
                mishap.before()
                reply = await behaviour(request, context)
            except ServiceError:  # a refusal is an answer, too
                await asyncio.sleep(delay)
                raise
            await asyncio.sleep(_seconds_late(context) if Kind.SLOW in mishap.kinds else delay)
            mishap.after()
            return reply

        return answer


async def _refuse_invalid(request: Message, context: Context, unknown: Sequence[tuple[str, str]] = ()) -> None:
    if unknown:
        await refuse(context, InvalidRequest(unknown))
    try:
        refuse_invalid(request, CallMetadata(), "")
    except InvalidRequest as error:
        await refuse(context, error)


def _seconds_late(context: Context) -> float:
    # The stubs are wrong here: a call without a deadline has None left.
    left = cast("float | None", context.time_remaining())
    return (left or 0.0) + _LATE.total_seconds()


def _read(fault: fault_pb2.PlannedFault) -> Fault:
    return Fault(fault.method, _KINDS[fault.fault], fault.lasting.ToTimedelta())


def _shown(fault: Fault) -> fault_pb2.PlannedFault:
    lasting = Duration()
    lasting.FromTimedelta(fault.lasting)
    return fault_pb2.PlannedFault(
        method=fault.method, fault=_NUMBERS[fault.kind], lasting=lasting, happened=fault.happened
    )
