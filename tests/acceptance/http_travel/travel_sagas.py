from dataclasses import dataclass

from airline.v1.airline_pb2 import BuyTicketRequest
from airline.v1.airline_pb2_grpc import AirlineServiceStub
from hotel.v1.hotel_pb2 import BookRoomRequest
from hotel.v1.hotel_pb2_grpc import HotelServiceStub
from travel.v1.travel_pb2 import Travel, TravelRequest

from orchestrator import SagaRejected, saga, saga_id


@dataclass(frozen=True)
class Agency:
    hotel: HotelServiceStub
    airline: AirlineServiceStub


@saga("travel", version=1)
async def travel(order: TravelRequest, agency: Agency) -> Travel:
    booked = await agency.hotel.BookRoom(BookRoomRequest(trip_id=saga_id(), city=order.city))
    bought = await agency.airline.BuyTicket(BuyTicketRequest(trip_id=saga_id(), city=order.city))
    if booked.price + bought.price > order.budget:
        raise SagaRejected("OVER_BUDGET", "room and ticket cost more than the budget")
    return Travel(room=booked.room, ticket=bought.ticket)
