from dataclasses import dataclass

from orchestrator import saga, saga_id
from trip.v1.trip_pb2 import BookRoomRequest, BookTripRequest, BuyTicketRequest, Trip
from trip.v1.trip_pb2_grpc import FlightServiceStub, HotelServiceStub


@dataclass(frozen=True)
class Agency:
    hotel: HotelServiceStub
    flight: FlightServiceStub


@saga("book_trip", version=1)
async def book_trip(order: BookTripRequest, agency: Agency) -> Trip:
    room = await agency.hotel.BookRoom(BookRoomRequest(trip_id=saga_id(), city=order.city))
    ticket = await agency.flight.BuyTicket(BuyTicketRequest(trip_id=saga_id(), city=order.city))
    return Trip(room=room.room, seat=ticket.seat)
