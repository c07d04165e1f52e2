"""Lets callers plan faults: ``shop.fault.v1.FaultService``. It is there only where ``SHOP_FAULTS`` is true."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from orchestrator.participant.metadata import CallMetadata
from services.chassis.errors import InvalidRequest
from services.chassis.faults import Fault, Kind, PlannedFaults
from services.chassis.over_grpc.refusal import Context, refuse
from services.chassis.validation import refuse_invalid
from shop.fault.v1 import fault_pb2
from shop.fault.v1.fault_pb2_grpc import FaultServiceServicer

NAME: Final = fault_pb2.DESCRIPTOR.services_by_name["FaultService"].full_name
"""The full name of the service."""

_KINDS: Final = {
    fault_pb2.FAULT_REFUSED: Kind.REFUSED,
    fault_pb2.FAULT_SLOW: Kind.SLOW,
    fault_pb2.FAULT_LOST_REPLY: Kind.LOST_REPLY,
    fault_pb2.FAULT_DOWN: Kind.DOWN,
    fault_pb2.FAULT_DELAY: Kind.DELAY,
}
_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}


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


async def _refuse_invalid(request: Message, context: Context, unknown: Sequence[tuple[str, str]] = ()) -> None:
    if unknown:
        await refuse(context, InvalidRequest(unknown))
    try:
        refuse_invalid(request, CallMetadata(), "")
    except InvalidRequest as error:
        await refuse(context, error)


def _read(fault: fault_pb2.PlannedFault) -> Fault:
    return Fault(fault.method, _KINDS[fault.fault], fault.lasting.ToTimedelta())


def _shown(fault: Fault) -> fault_pb2.PlannedFault:
    lasting = Duration()
    lasting.FromTimedelta(fault.lasting)
    return fault_pb2.PlannedFault(
        method=fault.method, fault=_NUMBERS[fault.kind], lasting=lasting, happened=fault.happened
    )
