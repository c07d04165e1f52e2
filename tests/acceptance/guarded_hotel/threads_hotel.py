import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from hotel.v1.hotel_pb2 import BookRoomResponse, CancelRoomResponse, GetBookingResponse
from hotel.v1.hotel_pb2_grpc import HotelServiceServicer, add_HotelServiceServicer_to_server

from orchestrator.participant import Kind, Rejection
from orchestrator.participant.drivers import DriverRecords
from orchestrator.participant.threads import GuardInterceptor

KINDS = {
    "hotel.v1.HotelService": {
        "BookRoom": Kind.COMMAND,
        "CancelRoom": Kind.COMPENSATION,
        "GetBooking": Kind.QUERY,
    }
}
records = DriverRecords(sqlite3, lambda: sqlite3.connect("hotel.db", check_same_thread=False))


class Hotel(HotelServiceServicer):
    def BookRoom(self, request, context):
        if request.city == "Nowhere":
            raise Rejection("NO_HOTEL", "no hotel in Nowhere")
        records.connection().execute("INSERT INTO bookings VALUES (?, ?)", (request.trip_id, request.city))
        return BookRoomResponse(room=f"Sea view, {request.city}")

    def CancelRoom(self, request, context):
        records.connection().execute("DELETE FROM bookings WHERE trip_id = ?", (request.trip_id,))
        return CancelRoomResponse()

    def GetBooking(self, request, context):
        find = "SELECT city FROM bookings WHERE trip_id = ?"
        for (city,) in records.connection().execute(find, (request.trip_id,)):
            return GetBookingResponse(city=city)
        context.abort(grpc.StatusCode.NOT_FOUND, "no room is booked for this trip")


def main(address):
    records.create_table()
    with sqlite3.connect("hotel.db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bookings (trip_id TEXT PRIMARY KEY, city TEXT)")
    server = grpc.server(ThreadPoolExecutor(8), interceptors=[GuardInterceptor(records, KINDS)])
    add_HotelServiceServicer_to_server(Hotel(), server)
    port = server.add_insecure_port(address)
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
