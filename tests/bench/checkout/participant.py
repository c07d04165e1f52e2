"""The trivial participant: answers at once, keeps nothing."""

import sys

import grpc.aio
import uvloop
from bench.v1 import bench_pb2
from bench.v1.bench_pb2_grpc import CheckoutServiceServicer, add_CheckoutServiceServicer_to_server


class Checkout(CheckoutServiceServicer):
    async def Reserve(self, request, context):
        return bench_pb2.ReserveResponse(reservation_id="r-1")

    async def Release(self, request, context):
        return bench_pb2.ReleaseResponse()

    async def Authorize(self, request, context):
        return bench_pb2.AuthorizeResponse(authorization_id="a-1")

    async def Void(self, request, context):
        return bench_pb2.VoidResponse()

    async def Ship(self, request, context):
        return bench_pb2.ShipResponse(tracking="t-1")

    async def Unship(self, request, context):
        return bench_pb2.UnshipResponse()

    async def Capture(self, request, context):
        if request.refuse:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "refused")
        return bench_pb2.CaptureResponse(payment_id="p-1")


async def main():
    server = grpc.aio.server()
    add_CheckoutServiceServicer_to_server(Checkout(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


uvloop.run(main())
