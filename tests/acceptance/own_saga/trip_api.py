import grpc

from orchestrator.api.application import Application, servicers
from orchestrator.api.requests import traceparent_of
from orchestrator.engine.starting import start_request
from trip.v1.trip_pb2 import BookTripRequest, Trip
from trip.v1.trip_pb2_grpc import TripServiceServicer, add_TripServiceServicer_to_server
from trip_sagas import book_trip


class TripService(TripServiceServicer):
    def __init__(self, application: Application) -> None:
        self._application = application

    async def BookTrip(self, request: BookTripRequest, context: grpc.aio.ServicerContext) -> Trip:
        served = self._application.sagas.find(book_trip.name, 0)
        assert served is not None, "book_trip is served, for this module imports it"
        start = start_request(served, request, request_id="", traceparent=traceparent_of(context))
        state = await self._application.starts.start(start, 20)  # waits so many seconds for the end
        if state.result is None:
            why = state.reason.message if state.reason else "the trip is still being booked"
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, why)
        return Trip.FromString(state.result)


@servicers
def trip_api(application: Application) -> None:
    application.add("trip.v1.TripService", add_TripServiceServicer_to_server, TripService(application))
