import asyncio
import sys

import grpc
import grpc.aio
from hotel.v1.hotel_pb2 import BookRoomResponse, CancelRoomResponse, GetBookingResponse
from hotel.v1.hotel_pb2_grpc import HotelServiceServicer, add_HotelServiceServicer_to_server
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from orchestrator.participant import Kind
from orchestrator.participant.aio import GuardInterceptor
from orchestrator.participant.engines import AsyncEngineRecords

KINDS = {
    "hotel.v1.HotelService": {
        "BookRoom": Kind.COMMAND,
        "CancelRoom": Kind.COMPENSATION,
        "GetBooking": Kind.QUERY,
    }
}
engine = create_async_engine("sqlite+aiosqlite:///hotel.db")
records = AsyncEngineRecords(engine)


class Hotel(HotelServiceServicer):
    async def BookRoom(self, request, context):
        if request.city == "Nowhere":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no hotel in Nowhere")
        book = text("INSERT INTO bookings VALUES (:trip, :city)")
        await records.connection().execute(book, {"trip": request.trip_id, "city": request.city})
        return BookRoomResponse(room=f"Sea view, {request.city}")

    async def CancelRoom(self, request, context):
        cancel = text("DELETE FROM bookings WHERE trip_id = :trip")
        await records.connection().execute(cancel, {"trip": request.trip_id})
        return CancelRoomResponse()

    async def GetBooking(self, request, context):
        find = text("SELECT city FROM bookings WHERE trip_id = :trip")
        city = (await records.connection().execute(find, {"trip": request.trip_id})).scalar()
        if city is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no room is booked for this trip")
        return GetBookingResponse(city=city)


async def main(address):
    await records.create_table()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS bookings (trip_id TEXT PRIMARY KEY, city TEXT)"))
    server = grpc.aio.server(interceptors=[GuardInterceptor(records, KINDS)])
    add_HotelServiceServicer_to_server(Hotel(), server)
    port = server.add_insecure_port(address)
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
