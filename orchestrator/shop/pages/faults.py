"""Tells the services what is to go wrong with an order, before it is placed.

Where a service was not started for that, it does not know the rpc, and says so; then nothing can be made to go wrong.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio

from orchestrator.errors import DefinitionError, InvalidInput
from shop.fault.v1.fault_pb2 import GetFaultsRequest, PlanFaultsRequest
from shop.fault.v1.fault_pb2_grpc import FaultServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shop.fault.v1.fault_pb2 import PlannedFault

_PATIENCE_SECONDS: Final = 2.0
_NO_ORDER: Final = "no order: is it served here?"


class Faults:
    """Plans faults at the services.

    Args:
        channel: a channel to a participant, by the full name of its service.
    """

    def __init__(self, channel: Callable[[str], grpc.aio.Channel]) -> None:
        self._channel = channel

    async def can_be_planned(self, service: str) -> bool:
        """Whether a service was started so that it makes faults on purpose; one that does not answer was not."""
        try:
            await self._stub(service).GetFaults(GetFaultsRequest(order_id=_NO_ORDER), timeout=_PATIENCE_SECONDS)
        except (grpc.aio.AioRpcError, DefinitionError):
            return False
        return True

    async def plan(self, order_id: str, wanted: Mapping[str, Sequence[PlannedFault]]) -> None:
        """Ask for these faults, by the full names of the services.

        Raises:
            InvalidInput: some service cannot make them now; the others may have noted theirs.
        """
        plans = (self._plan(service, order_id, faults) for service, faults in wanted.items())
        await asyncio.gather(*plans)

    async def _plan(self, service: str, order_id: str, faults: Sequence[PlannedFault]) -> None:
        request = PlanFaultsRequest(order_id=order_id, faults=faults)
        try:
            await self._stub(service).PlanFaults(request, timeout=_PATIENCE_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                why = "makes nothing go wrong on purpose, because it was started without SHOP_FAULTS=true"
            else:
                why = f"does not answer: {error.code().name}"
            raise InvalidInput(("rehearsal", f"{service} {why}")) from None
        except DefinitionError as error:
            raise InvalidInput(("rehearsal", str(error))) from None

    def _stub(self, service: str) -> FaultServiceStub:
        return FaultServiceStub(self._channel(service))
