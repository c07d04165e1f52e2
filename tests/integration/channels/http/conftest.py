"""A channel over HTTP to a participant that does as a test tells it, by the contracts of the travel agency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.channels.http.channel import HttpChannel
from orchestrator.channels.http.settings import HttpSettings
from orchestrator.contract.reader import read_service
from tests.support.contracts import pool
from tests.support.http_participant import HttpParticipant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome

KEY = "trip-1/HotelService.BookRoom#1"
METADATA = (("idempotency-key", KEY), ("saga-id", "trip-1"), ("traceparent", "00-aa-bb-01"))
HOTEL = "hotel.v1.HotelService"

_POOL = pool(Path(__file__).parents[3] / "acceptance" / "http_travel" / "protos")
COMMANDS: dict[str, Command] = {
    name: command
    for service in (HOTEL, "airline.v1.AirlineService")
    for name, command in read_service(_POOL.FindServiceByName(service)).items()
}
BOOK, CANCEL, GET, BUY = (COMMANDS[name] for name in ("BookRoom", "CancelRoom", "GetBooking", "BuyTicket"))


def request(command: Command, **fields: Any) -> bytes:  # noqa: ANN401 - of any field
    return command.request(**fields).SerializeToString()


def reply(command: Command, **fields: Any) -> bytes:  # noqa: ANN401 - of any field
    return command.response(**fields).SerializeToString()


BOOKING = request(BOOK, trip_id="trip-1", city="Lisbon")


class Way:
    """The participant, and the channel to it."""

    def __init__(self, participant: HttpParticipant, **settings: Any) -> None:  # noqa: ANN401 - of any setting
        self.participant = participant
        self.channel = HttpChannel("http", participant.address, HttpSettings(**settings))

    async def sent(self, command: Command = BOOK, content: bytes = BOOKING, *, timeout: float = 30) -> Outcome:  # noqa: ASYNC109 - sent along
        return await self.channel.caller(command)(content, METADATA, timeout)


@pytest.fixture
async def participant() -> AsyncIterator[HttpParticipant]:
    async with HttpParticipant() as participant:
        yield participant


@pytest.fixture
async def way(participant: HttpParticipant) -> AsyncIterator[Way]:
    opened = Way(participant)
    yield opened
    await opened.channel.close()
