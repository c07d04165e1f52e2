"""A project of its own, elsewhere: its contracts, its sagas, its participants; from us only the installed package."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory

from orchestrator.cli.protoc import describe
from orchestrator.shop.demo.addresses import settings_removed
from saga.v1 import saga_pb2
from saga.v1.saga_service_pb2 import StartSagaRequest, StartSagaResponse
from tests.acceptance.conftest import BIN, PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parent / "own_saga"
WRITTEN = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.proto")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "trips"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    orchestrator(folder, "generate", "--protos", "protos", "--out", ".")
    return folder


def orchestrator(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(BIN / "orchestrator"), *arguments],
        cwd=folder,
        env=settings_removed(os.environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def process(folder: Path, stream: str, says: str, *command: str) -> Iterator[tuple[re.Match[str], IO[str]]]:
    """A process that has said that it is ready, and what else it says; terminated at the end."""
    pipes = {"stdout": subprocess.PIPE if stream == "stdout" else None, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, env=settings_removed(os.environ), text=True, **pipes) as started:
        try:
            said = getattr(started, stream)
            for line in said:
                if ready := re.search(says, line):
                    yield ready, said
                    break
            else:
                raise AssertionError(f"{command} ended before it was ready")
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(PATIENCE)


@pytest.fixture(scope="module")
def agency(project: Path) -> Iterator[tuple[grpc.Channel, IO[str]]]:
    with ExitStack() as stack:
        participants = process(
            project, "stdout", r"listening on port (\d+)", sys.executable, "participants.py", "127.0.0.1:0"
        )
        ready, said = stack.enter_context(participants)
        served = process(
            project,
            "stderr",
            r"listening on (\S+)",
            *(str(BIN / "orchestrator"), "serve", "--sagas", "trip_sagas", "--listen", "127.0.0.1:0"),
            *("--participant", f"trip.v1.HotelService=127.0.0.1:{ready[1]}"),
            *("--participant", f"trip.v1.FlightService=127.0.0.1:{ready[1]}"),
        )
        address, _ = stack.enter_context(served)
        yield stack.enter_context(grpc.insecure_channel(address[1])), said


def book(channel: grpc.Channel, project: Path, city: str) -> tuple[saga_pb2.Saga, dict[str, str]]:
    """Book a trip, and read the result, as somebody does who has the contract and no stubs."""
    pool = descriptor_pool.DescriptorPool()
    for file in describe(project / "protos").file:
        pool.AddSerializedFile(file.SerializeToString())
    order, trip = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"trip.v1.{name}"))()
        for name in ("BookTripRequest", "Trip")
    )
    order.city = city
    request = StartSagaRequest(definition="book_trip")
    request.wait.FromSeconds(20)
    request.input.Pack(order)
    start = channel.unary_unary(
        "/saga.v1.SagaService/StartSaga",
        request_serializer=StartSagaRequest.SerializeToString,
        response_deserializer=StartSagaResponse.FromString,
    )
    saga = start(request, timeout=PATIENCE).saga
    saga.result.Unpack(trip)
    return saga, {"room": trip.room, "seat": trip.seat}


def test_it_is_written_in_less_than_a_hundred_lines() -> None:
    assert sum(len(path.read_text().splitlines()) for path in WRITTEN) < 100


def test_its_contracts_and_its_saga_are_checked(project: Path) -> None:
    assert "2 contracts, 3 commands, 1 saga: no violations" in orchestrator(
        project, "check", "--protos", "protos", "--sagas", "trip_sagas"
    )


def test_a_trip_is_booked(agency: tuple[grpc.Channel, IO[str]], project: Path) -> None:
    channel, _ = agency

    saga, trip = book(channel, project, "Lisbon")

    assert saga.status == saga_pb2.STATUS_COMPLETED
    assert trip == {"room": "Sea view, Lisbon", "seat": "12A"}


def test_a_refused_flight_cancels_the_room(agency: tuple[grpc.Channel, IO[str]], project: Path) -> None:
    channel, said = agency

    saga, _ = book(channel, project, "Atlantis")

    assert saga.status == saga_pb2.STATUS_COMPENSATED
    assert said.readline().strip() == "cancelled Sea view, Atlantis"
    assert [step.key for step in saga.steps if step.HasField("compensation")] == ["HotelService.BookRoom#1"]
