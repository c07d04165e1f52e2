"""A project of its own, elsewhere: its contracts, its sagas, its participants; from us only the installed package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory

from orchestrator.cli.loading.protoc import describe
from saga.v1 import saga_pb2
from saga.v1.saga_service_pb2 import StartSagaRequest, StartSagaResponse
from tests.acceptance.conftest import PATIENCE, buf_curl
from tests.acceptance.trips import SOURCE, orchestrator
from tests.support.tokens import AUTHORIZATION

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.trips import Agency

WRITTEN = [SOURCE / name for name in ("protos/trip/v1/trip.proto", "trip_sagas.py", "participants.py")]


def book(address: str, project: Path, city: str) -> tuple[saga_pb2.Saga, dict[str, str]]:
    """Book a trip, and read the result, as a caller does who has the contract and no stubs."""
    pool = descriptor_pool.DescriptorPool()
    for file in describe(project / "protos").file:
        pool.AddSerializedFile(file.SerializeToString())
    messages: list[Any] = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"trip.v1.{name}"))()
        for name in ("BookTripRequest", "Trip")
    ]
    order, trip = messages
    order.city = city
    request = StartSagaRequest(definition="book_trip")
    request.wait.FromSeconds(20)
    request.input.Pack(order)
    with grpc.insecure_channel(address) as channel:
        start = channel.unary_unary(
            "/saga.v1.SagaService/StartSaga",
            request_serializer=StartSagaRequest.SerializeToString,
            response_deserializer=StartSagaResponse.FromString,
        )
        saga = start(request, timeout=PATIENCE, metadata=(AUTHORIZATION,)).saga
    saga.result.Unpack(trip)
    return saga, {"room": trip.room, "seat": trip.seat}


def test_the_project_has_less_than_a_hundred_lines() -> None:
    assert sum(len(path.read_text().splitlines()) for path in WRITTEN) < 100


def test_the_contracts_and_the_saga_of_the_project_are_checked(project: Path) -> None:
    assert "2 contracts, 3 commands, 1 saga: no violations" in orchestrator(
        project, "check", "--protos", "protos", "--sagas", "trip_sagas"
    )


def test_a_trip_is_booked(agency: Agency, project: Path) -> None:
    saga, trip = book(agency.address, project, "Lisbon")

    assert saga.status == saga_pb2.STATUS_COMPLETED
    assert trip == {"room": "Sea view, Lisbon", "seat": "12A"}


def test_a_refused_flight_cancels_the_room(agency: Agency, project: Path) -> None:
    saga, _ = book(agency.address, project, "Atlantis")

    assert saga.status == saga_pb2.STATUS_COMPENSATED
    assert next(agency.says).strip() == "cancelled Sea view, Atlantis"
    assert [step.key for step in saga.steps if step.HasField("compensation")] == ["HotelService.BookRoom#1"]


@pytest.mark.parametrize(("city", "answer"), [("Porto", "Sea view, Porto"), ("Atlantis", "no airport")])
def test_an_api_of_the_application_speaks_of_trips_and_not_of_sagas(agency: Agency, city: str, answer: str) -> None:
    url = f"http://{agency.address}/trip.v1.TripService/BookTrip"
    done = buf_curl(url, "-d", json.dumps({"city": city}))

    assert answer in done.out + done.err
    assert (done.code == 0) is (city == "Porto")
