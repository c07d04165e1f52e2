"""A command goes out as its HTTP rule says, and its reply comes back as the message of the contract."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.channels.http.channel import HttpChannel
from orchestrator.contract.command import Meaning, OutcomeRule
from orchestrator.contract.overlay.reading import read_overlays
from orchestrator.contract.status_code import StatusCode
from orchestrator.errors import SettingsError
from orchestrator.journal.outcome import Completed, Failure, Rejected, Unknown
from tests.integration.channels.http.conftest import BOOK, BOOKING, CANCEL, GET, KEY, METADATA, Way, reply, request

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from tests.support.http_participant import HttpParticipant


async def test_a_command_is_written_as_its_rule_says_with_its_metadata_as_headers(way: Way) -> None:
    way.participant.always(200, '{"room": "Sea view", "price": "80"}')

    assert await way.sent(timeout=2.5) == Completed(reply(BOOK, room="Sea view", price=80))

    [arrived] = way.participant.requests
    assert arrived.line == "POST /rooms"
    assert json.loads(arrived.body) == {"tripId": "trip-1", "city": "Lisbon"}
    assert tuple(arrived.headers.items()) >= METADATA or dict(METADATA).items() <= arrived.headers.items()
    assert arrived.headers["content-type"] == "application/json"
    assert arrived.headers["request-timeout"] == "2.5"
    assert arrived.headers["host"] == way.participant.address


async def test_what_is_sent_again_is_sent_byte_for_byte(way: Way) -> None:
    for _ in range(2):
        await way.sent()

    first, second = way.participant.requests
    assert first == second


@pytest.mark.parametrize(
    ("command", "line"), [(CANCEL, "DELETE /rooms/a%2Fb%20%C3%A7"), (GET, "GET /rooms/a%2Fb%20%C3%A7")], ids=str
)
async def test_a_field_in_the_path_is_escaped_and_there_is_no_body(way: Way, command: Command, line: str) -> None:
    assert await way.sent(command, request(command, trip_id="a/b ç")) == Completed(b"")

    [arrived] = way.participant.requests
    assert (arrived.line, arrived.body) == (line, b"")
    assert "content-type" not in arrived.headers


async def test_a_participant_may_be_under_a_path_of_its_own(participant: HttpParticipant) -> None:
    channel = HttpChannel("http", f"{participant.address}/agency/v2")
    await channel.caller(BOOK)(BOOKING, METADATA, 30)
    assert await channel.is_serving("hotel.v1.HotelService") is True
    await channel.close()

    assert [each.line for each in participant.requests] == [
        "POST /agency/v2/rooms",
        "GET /agency/v2/health?service=hotel.v1.HotelService",
    ]


@pytest.mark.parametrize("target", ["", "host:port", "user@host:1", "host:1/?x=1", "host:1#x"])
def test_what_is_no_address_is_refused_with_what_to_write(target: str) -> None:
    with pytest.raises(SettingsError, match=r"write http://host:port, and the path"):
        HttpChannel("http", target)


@pytest.mark.parametrize("status", [200, 201, 203])
async def test_a_reply_may_have_fields_that_the_contract_does_not_know(way: Way, status: int) -> None:
    way.participant.always(status, '{"room": "Sea view", "stars": [5]}')

    assert await way.sent() == Completed(reply(BOOK, room="Sea view"))


@pytest.mark.parametrize("body", ["", "{}", '{"done": true}'])
async def test_a_reply_without_fields_may_be_anything_that_is_json_or_nothing(way: Way, body: str) -> None:
    way.participant.always(200, body)

    assert await way.sent(CANCEL, request(CANCEL, trip_id="t")) == Completed(b"")


@pytest.mark.parametrize(("status", "body"), [(204, ""), (200, "{}"), (200, '{"price": 0}')])
async def test_a_reply_may_say_that_nothing_has_a_value(way: Way, status: int, body: str) -> None:
    way.participant.always(status, body)

    assert await way.sent() == Completed(b"")


@pytest.mark.parametrize(
    "body",
    ["", "<html>Log in</html>", "null", "[]", '{"status": "ok"}', '{"room": 7}', '{"room": "a", "room": "b"}', "\xff"],
)
async def test_a_reply_that_cannot_be_read_is_a_lost_answer(way: Way, body: str) -> None:
    way.participant.always(200, body.encode("latin-1"))

    outcome = await way.sent()

    assert isinstance(outcome, Unknown)
    assert not outcome.final
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.INTERNAL, "REPLY_UNREADABLE")
    assert "hotel.v1.BookRoomResponse" in outcome.failure.message


async def test_half_an_emoji_in_a_reply_is_read_as_what_is_left_of_it(way: Way) -> None:
    way.participant.always(200, rb'{"room": "Sea view \ud83d", "\ud83d": 1}')

    assert await way.sent() == Completed(reply(BOOK, room="Sea view \N{REPLACEMENT CHARACTER}"))


async def test_an_answer_that_nobody_foresaw_is_unknown_and_logged(
    way: Way, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise SystemError("a result with an exception set")

    monkeypatch.setattr("orchestrator.channels.http.caller.outcome_of", fail)
    way.participant.always(503)

    outcome = await way.sent()

    assert isinstance(outcome, Unknown)
    assert not outcome.final
    assert (outcome.failure.code, outcome.failure.reason) == (StatusCode.INTERNAL, "CHANNEL_FAILED")
    assert "SystemError: a result with an exception set" in outcome.failure.message
    assert "HotelService.BookRoom failed in a way that was not foreseen" in caplog.text


async def test_a_request_that_its_rule_cannot_say_is_not_sent(way: Way) -> None:
    outcome = await way.sent(CANCEL, request(CANCEL))

    assert isinstance(outcome, Rejected)
    assert outcome.failure.reason == "REQUEST_UNSAYABLE"
    assert "trip_id" in outcome.failure.message
    assert way.participant.requests == []


async def test_a_request_with_fields_that_json_would_lose_is_not_sent(way: Way) -> None:
    outcome = await way.sent(BOOK, BOOKING + b"\x7a\x01x")

    assert isinstance(outcome, Rejected)
    assert outcome.failure.reason == "REQUEST_UNSAYABLE"
    assert way.participant.requests == []


async def test_a_command_without_a_rule_is_not_sent(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.channels.http.channel.rule_of", lambda _: None)

    outcome = await way.sent()

    assert isinstance(outcome, Rejected)
    assert outcome.failure.reason == "NO_HTTP_RULE"
    assert way.participant.requests == []


async def test_an_overlay_says_how_a_command_is_called_and_comes_before_the_contract(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = "{method: hotel.v1.HotelService.BookRoom, http: {put: '/trips/{trip_id}', body: city}}"
    overlaid = read_overlays({"overlay.yaml": f"methods: [{entry}]"})
    monkeypatch.setattr("orchestrator.contract.http_rule.annotations_of", lambda _: overlaid)

    await way.sent()

    [arrived] = way.participant.requests
    assert (arrived.line, arrived.body) == ("PUT /trips/trip-1", b'"Lisbon"')


async def test_a_rule_of_the_contract_comes_before_the_table(way: Way) -> None:
    rule = OutcomeRule(StatusCode.ABORTED, "", Meaning.REJECTED, "overbooked")
    way.participant.always(409, '{"error": "the hotel is overbooked"}')

    outcome = await way.sent(dataclasses.replace(BOOK, outcomes=(rule,)))

    assert outcome == Rejected(Failure(StatusCode.ABORTED, "the hotel is overbooked"), ruled=True)


@pytest.mark.parametrize(("echo", "guards"), [(KEY, True), ("another", False), (f"{KEY}, {KEY}", False), (None, False)])
async def test_a_refusal_that_gives_the_key_back_is_the_guards(way: Way, echo: str | None, *, guards: bool) -> None:
    headers = {} if echo is None else {"Idempotency_Key": echo}
    way.participant.always(422, '{"detail": "no", "reason": "NO_HOTEL", "code": "FAILED_PRECONDITION"}', **headers)

    assert await way.sent() == Rejected(Failure(StatusCode.FAILED_PRECONDITION, "no", "NO_HOTEL"), echoed=guards)
