"""A participant written by hand, which does not echo keys; sound unless a test gives it a flaw of real participants."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from orchestrator.testing.samples import violations
from shop.shipping.v1 import shipping_pb2 as pb
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceServicer, add_ShippingServiceServicer_to_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NO_GUARD: Final = "no guard"
NEW_REPLY: Final = "a new reply to a repeated key"
ANY_REQUEST: Final = "any request with a known key"
RACES: Final = "looks first and records later"
FORGETS_COMPENSATIONS: Final = "does what was compensated"
NOTHING_TO_UNDO: Final = "refuses to undo nothing"
UNDOES_ONCE: Final = "refuses to undo twice"
CHANGES_ITS_MIND: Final = "accepts what it has rejected"
UNCHECKED: Final = "checks no constraints"
FORGETS_EVERYTHING: Final = "keeps its records in memory"

TOO_HEAVY: Final = 1_000_000


class Carrier(ShippingServiceServicer):
    """Arranges shipments in memory.

    Args:
        flaw: what is wrong with it; empty for nothing.
    """

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw
        self.shipments: dict[str, pb.Shipment] = {}
        self.records: dict[str, tuple[pb.ArrangeShipmentRequest, pb.ArrangeShipmentResponse | None]] = {}
        self.compensated: set[str] = set()
        self.compensations: dict[str, pb.CancelShipmentRequest] = {}
        self.number = 0

    def restart(self) -> None:
        if self.flaw == FORGETS_EVERYTHING:
            self.records.clear()
            self.compensated.clear()
            self.compensations.clear()

    async def ArrangeShipment(self, request: pb.ArrangeShipmentRequest, context: Any) -> pb.ArrangeShipmentResponse:  # noqa: ANN401, N802
        await self._refuse_invalid(request, context)
        key = dict(context.invocation_metadata())["idempotency-key"]
        if self.flaw != NO_GUARD and (reply := await self._recorded(key, request, context)):
            return reply
        if self.flaw == RACES:
            await asyncio.sleep(0.01)
        changed_its_mind = self.flaw == CHANGES_ITS_MIND and key in self.records
        if request.weight_grams > TOO_HEAVY and not changed_its_mind:
            self.records[key] = (request, None)
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "too heavy")
        self.number += 1
        shipment = pb.Shipment(order_id=request.order_id, tracking_number=f"T{self.number}")
        shipment.state = pb.SHIPMENT_STATE_ARRANGED
        self.shipments[request.order_id] = shipment
        reply = pb.ArrangeShipmentResponse(shipment=shipment)
        self.records[key] = (request, reply)
        return reply

    async def CancelShipment(self, request: pb.CancelShipmentRequest, context: Any) -> pb.CancelShipmentResponse:  # noqa: ANN401, N802
        await self._refuse_invalid(request, context)
        key = dict(context.invocation_metadata())["idempotency-key"]
        if self.compensations.setdefault(key, request) != request and self.flaw not in {NO_GUARD, ANY_REQUEST}:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "a key of another request")
        known = self.shipments.get(request.order_id)
        if known is None and self.flaw == NOTHING_TO_UNDO:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no shipment")
        if known is not None:
            if known.state == pb.SHIPMENT_STATE_CANCELLED and self.flaw == UNDOES_ONCE:
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "cancelled before")
            known = pb.Shipment.FromString(known.SerializeToString())
            known.state = pb.SHIPMENT_STATE_CANCELLED
            self.shipments[request.order_id] = known
        self.compensated.add(dict(context.invocation_metadata())["compensates"])
        return pb.CancelShipmentResponse()

    async def GetShipment(self, request: pb.GetShipmentRequest, context: Any) -> pb.GetShipmentResponse:  # noqa: ANN401, N802
        await self._refuse_invalid(request, context)
        if request.order_id not in self.shipments:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no shipment")
        return pb.GetShipmentResponse(shipment=self.shipments[request.order_id])

    async def _recorded(
        self,
        key: str,
        request: pb.ArrangeShipmentRequest,
        context: Any,  # noqa: ANN401
    ) -> pb.ArrangeShipmentResponse | None:
        if key in self.compensated:
            if self.flaw == FORGETS_COMPENSATIONS:
                return None
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "compensated")
        known, reply = self.records.get(key, (request, None))
        if known != request and self.flaw != ANY_REQUEST:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "a key of another request")
        if reply is None or known != request:
            return None
        if self.flaw == NEW_REPLY:
            self.number += 1
            again = pb.ArrangeShipmentResponse.FromString(reply.SerializeToString())
            again.shipment.tracking_number = f"T{self.number}"
            return again
        return reply

    async def _refuse_invalid(self, request: Any, context: Any) -> None:  # noqa: ANN401
        wrong = [] if self.flaw == UNCHECKED else violations(request)
        if wrong:
            fields = [error_details_pb2.BadRequest.FieldViolation(field=field) for field, _ in wrong]
            status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="invalid")
            status.details.add().Pack(error_details_pb2.BadRequest(field_violations=fields))
            await context.abort_with_status(rpc_status.to_status(status))


@asynccontextmanager
async def serving(carrier: Carrier) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    add_ShippingServiceServicer_to_server(carrier, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)
