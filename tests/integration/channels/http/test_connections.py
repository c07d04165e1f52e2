"""Whatever happens to a connection, a request is written at most once, and what is not known is unknown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.channels.http.channel import HttpChannel
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Failure, Rejected, Retry, Unknown
from tests.integration.channels.http.conftest import BOOK, BOOKING, BUY, GET, HOTEL, METADATA, Way, request
from tests.support.http_participant import response

if TYPE_CHECKING:
    from tests.support.http_participant import HttpParticipant, Request

LIMIT = 2000
BUYING = request(BUY, trip_id="trip-1", city="Lisbon")


class Held:
    """A participant that answers when it is told to."""

    def __init__(self, participant: HttpParticipant) -> None:
        self.arrived = asyncio.Event()
        self.released = asyncio.Event()
        participant.answer = self._answer

    async def _answer(self, _request: Request) -> bytes:
        self.arrived.set()
        await self.released.wait()
        return response(200, "{}")


async def test_a_connection_is_used_again(way: Way) -> None:
    for _ in range(3):
        await way.sent()

    assert [each.connection for each in way.participant.requests] == [1, 1, 1]


async def test_a_command_whose_key_is_not_recognised_has_a_connection_of_its_own(way: Way) -> None:
    for _ in range(2):
        assert await way.sent(BUY, BUYING) == Completed(b"")

    assert [each.connection for each in way.participant.requests] == [1, 2]


@pytest.mark.parametrize("command", [BOOK, BUY], ids=lambda command: command.method)
async def test_a_connection_that_is_closed_in_place_of_an_answer_is_unknown_and_the_request_was_written_once(
    way: Way, command: object
) -> None:
    assert await way.sent() == Completed(b"")  # the next one of BookRoom meets this connection

    async def close(_request: Request) -> None:
        return None

    way.participant.answer = close
    outcome = await (way.sent() if command is BOOK else way.sent(BUY, BUYING))

    assert isinstance(outcome, Unknown)
    assert not outcome.final
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.UNAVAILABLE, "")
    assert len(way.participant.requests) == 2


async def test_a_connection_that_the_participant_has_closed_while_it_was_idle_is_not_used(way: Way) -> None:
    await way.sent()
    await way.participant.cut()

    outcomes = [await way.sent() for _ in range(2)]

    # The first may have met the connection before its end was heard of.
    assert outcomes[-1] == Completed(b"")
    assert len(way.participant.requests) == 1 + sum(outcome == Completed(b"") for outcome in outcomes)


async def test_a_timeout_is_unknown_and_says_nothing_of_later_calls(way: Way) -> None:
    held = Held(way.participant)

    outcome = await way.sent(timeout=0.05)

    assert outcome == Unknown(Failure(StatusCode.DEADLINE_EXCEEDED, "no answer within 0.05 s"))
    held.released.set()
    assert await way.sent() == Completed(b"")


async def test_where_nobody_is_the_outcome_is_unknown_without_a_reason() -> None:
    channel = HttpChannel("http", "127.0.0.1:1")

    outcome = await channel.caller(BOOK)(BOOKING, METADATA, 30)

    assert isinstance(outcome, Unknown)
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.UNAVAILABLE, "")
    assert await channel.is_serving(HOTEL) is False
    await channel.close()


async def test_a_channel_that_is_closed_during_a_call_makes_it_unknown(way: Way) -> None:
    held = Held(way.participant)
    call = asyncio.ensure_future(way.sent())
    await held.arrived.wait()

    await way.channel.close()

    assert await call == Unknown(Failure(StatusCode.CANCELLED, "the channel was closed during the call"))


async def test_who_is_cancelled_during_a_call_is_told_so_and_the_connection_ends(way: Way) -> None:
    held = Held(way.participant)
    call = asyncio.ensure_future(way.sent())
    await held.arrived.wait()

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    held.released.set()
    assert await way.sent() == Completed(b"")
    assert [each.connection for each in way.participant.requests] == [1, 2]


async def test_a_request_that_is_too_large_is_not_sent(participant: HttpParticipant) -> None:
    way = Way(participant, most_bytes=len(BOOKING) - 1)

    outcome = await way.sent()

    assert isinstance(outcome, Rejected)
    assert outcome.failure.reason == "REQUEST_TOO_LARGE"
    assert participant.requests == []
    await way.channel.close()


async def test_a_reply_that_is_too_large_is_lost_for_good(participant: HttpParticipant) -> None:
    way = Way(participant, most_bytes=LIMIT)
    participant.always(200, '{"room": "' + "x" * (LIMIT - 12) + '"}')
    assert isinstance(await way.sent(), Completed)

    participant.always(200, '{"room": "' + "x" * LIMIT + '"}')
    outcome = await way.sent()

    assert isinstance(outcome, Unknown)
    assert outcome.final, "another attempt would lose it again"
    assert outcome.failure.reason == "REPLY_TOO_LARGE"
    await way.channel.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
    ids=["no HTTP", "half a body", "no gzip", "no chunk", "no status", "headers that are too long"],
)
async def test_what_is_no_response_is_unknown(way: Way, raw: bytes) -> None:
    async def answer(request: Request) -> bytes | None:
        return raw if request.connection == 1 and len(way.participant.requests) == 1 else response(200, "{}")

    way.participant.answer = answer
    sending = asyncio.ensure_future(way.sent())
    await way.participant.answered.wait()
    await way.participant.close()  # nothing more comes

    outcome = await sending

    assert isinstance(outcome, Unknown)
    assert outcome.failure.code is StatusCode.UNAVAILABLE
    assert await way.sent() == Completed(b"")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_leaves_the_outcome_unknown(way: Way, status: int) -> None:
    way.participant.always(status, "", location=f"http://{way.participant.address}/elsewhere")

    for command, content in ((BOOK, BOOKING), (GET, request(GET, trip_id="t"))):
        outcome = await way.sent(command, content)
        assert isinstance(outcome, Unknown)
        assert f"redirects to http://{way.participant.address}/elsewhere" in outcome.failure.message

    assert [each.line for each in way.participant.requests] == ["POST /rooms", "GET /rooms/t"]


@pytest.mark.parametrize(
    ("status", "kind"), [(429, Retry), (425, Retry), (409, Retry), (503, Unknown), (408, Unknown)], ids=str
)
async def test_a_delay_that_the_participant_asks_for_counts(way: Way, status: int, kind: type[Retry | Unknown]) -> None:
    way.participant.always(status, "", retry_after="7")

    outcome = await way.sent()

    assert isinstance(outcome, kind)
    assert outcome.retry_after == 7


@pytest.mark.parametrize(("status", "serves"), [(200, True), (204, True), (503, False), (404, None), (500, None)])
async def test_a_participant_serves_if_it_says_so(way: Way, status: int, *, serves: bool | None) -> None:
    way.participant.always(status, "")

    assert await way.channel.is_serving(HOTEL) is serves
    assert way.participant.requests[0].line == f"GET /health?service={HOTEL}"


async def test_a_health_without_an_answer_is_believed_to_be_down_at_first(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.channels.http.channel._HEALTH_SECONDS", 0.05)
    held = Held(way.participant)

    assert await way.channel.is_serving(HOTEL) is False
    held.released.set()


async def test_each_of_many_calls_at_once_gets_its_own_answer(way: Way) -> None:
    async def answer(arrived: Request) -> bytes:
        return response(200, b'{"room": "of %s"}' % arrived.body[len(b'{"city":"Lisbon","tripId":"') : -2])

    way.participant.answer = answer
    booked = [request(BOOK, trip_id=str(number), city="Lisbon") for number in range(100)]

    outcomes = await asyncio.gather(*(way.sent(BOOK, each) for each in booked))

    assert outcomes == [Completed(request_reply(number)) for number in range(100)]


def request_reply(number: int) -> bytes:
    return BOOK.response(room=f"of {number}").SerializeToString()
