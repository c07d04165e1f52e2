"""Two plain gRPC services: any language would do, and no SDK is needed."""

import asyncio
import sys

import grpc
from trip.v1 import trip_pb2, trip_pb2_grpc


class Hotel(trip_pb2_grpc.HotelServiceServicer):
    def __init__(self):
        self.rooms = {}  # by trip, so that a repeated command finds what it did

    async def BookRoom(self, request, context):
        return trip_pb2.BookRoomResponse(room=self.rooms.setdefault(request.trip_id, f"Sea view, {request.city}"))

    async def CancelRoom(self, request, context):
        print("cancelled", self.rooms.pop(request.trip_id, "nothing"), flush=True)
        return trip_pb2.CancelRoomResponse()


class Flight(trip_pb2_grpc.FlightServiceServicer):
    async def BuyTicket(self, request, context):
        if request.city == "Atlantis":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no airport")
        return trip_pb2.BuyTicketResponse(seat="12A")


async def main(address):
    server = grpc.aio.server()
    trip_pb2_grpc.add_HotelServiceServicer_to_server(Hotel(), server)
    trip_pb2_grpc.add_FlightServiceServicer_to_server(Flight(), server)
    print("listening on port", server.add_insecure_port(address), flush=True)
    await server.start()
    await server.wait_for_termination()


asyncio.run(main(sys.argv[1]))
