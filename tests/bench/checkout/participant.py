"""The trivial participant: answers at once, keeps nothing. Told to hold, it answers no Capture until it is let go.

With the files of a certificate, its key and the authorities of its callers, it listens with mutual TLS.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
import uvloop
from bench.v1 import bench_pb2 as pb
from bench.v1.bench_pb2_grpc import (
    CheckoutServiceServicer,
    ControlServiceServicer,
    add_CheckoutServiceServicer_to_server,
    add_ControlServiceServicer_to_server,
)

from orchestrator.participant.security.tls import SERVER_OPTIONS, ServerTls
from tests.bench.processes import end_with_parent

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]


class Checkout(CheckoutServiceServicer):
    def __init__(self) -> None:
        self.held = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def Reserve(self, request: pb.ReserveRequest, context: Context) -> pb.ReserveResponse:
        return pb.ReserveResponse(reservation_id="r-1")

    async def Release(self, request: pb.ReleaseRequest, context: Context) -> pb.ReleaseResponse:
        return pb.ReleaseResponse()

    async def Authorize(self, request: pb.AuthorizeRequest, context: Context) -> pb.AuthorizeResponse:
        return pb.AuthorizeResponse(authorization_id="a-1")

    async def Void(self, request: pb.VoidRequest, context: Context) -> pb.VoidResponse:
        return pb.VoidResponse()

    async def Ship(self, request: pb.ShipRequest, context: Context) -> pb.ShipResponse:
        return pb.ShipResponse(tracking="t-1")

    async def Unship(self, request: pb.UnshipRequest, context: Context) -> pb.UnshipResponse:
        return pb.UnshipResponse()

    async def Capture(self, request: pb.CaptureRequest, context: Context) -> pb.CaptureResponse:
        if not self.may_answer.is_set():
            self.held += 1
            await self.may_answer.wait()
            self.held -= 1
        if request.refuse:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "refused")
        return pb.CaptureResponse(payment_id="p-1")


class Control(ControlServiceServicer):
    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout

    async def Hold(self, request: pb.HoldRequest, context: Context) -> pb.HoldResponse:
        self.checkout.may_answer.clear()
        return pb.HoldResponse()

    async def CountHeld(self, request: pb.CountHeldRequest, context: Context) -> pb.CountHeldResponse:
        return pb.CountHeldResponse(held=self.checkout.held)

    async def LetGo(self, request: pb.LetGoRequest, context: Context) -> pb.LetGoResponse:
        self.checkout.may_answer.set()
        return pb.LetGoResponse()


async def main() -> None:
    end_with_parent()
    files = [Path(each) for each in sys.argv[1:]]
    server = grpc.aio.server(options=SERVER_OPTIONS if files else ())
    checkout = Checkout()
    add_CheckoutServiceServicer_to_server(checkout, server)
    add_ControlServiceServicer_to_server(Control(checkout), server)
    address = "127.0.0.1:0"
    if files:
        port = server.add_secure_port(address, ServerTls(*files).credentials())
    else:
        port = server.add_insecure_port(address)
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
