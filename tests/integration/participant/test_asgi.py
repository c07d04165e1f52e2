"""An ASGI application behind the guard: what is guarded, recorded, taken back, echoed, and what passes."""

from __future__ import annotations

import json
import sqlite3
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from orchestrator.participant import Kind, Rejection
from orchestrator.participant.asgi import GuardMiddleware
from orchestrator.participant.drivers import DriverRecords
from orchestrator.participant.engines import AsyncEngineRecords
from tests.conformance.participants.bridge import exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orchestrator.participant.asgi import Message, Receive, Scope, Send

KINDS = {
    ("POST", "/rooms"): Kind.COMMAND,
    ("POST", "/rooms/later"): Kind.RETRYABLE,
    ("POST", "/rooms/cancel"): Kind.COMPENSATION,
    ("POST", "/rooms/{id}/charge"): Kind.FOREIGN,
    ("GET", "/rooms/{id}"): Kind.QUERY,
}
JSON = (b"content-type", b"application/json; charset=utf-8")


class Hotel:
    """An application that answers with the status that it is told to.

    Attributes:
        status: of the next responses.
        runs: how often a guarded route ran.
    """

    def __init__(self, records: AsyncEngineRecords) -> None:
        self.status = 200
        self.runs = 0
        self.raised: Exception | None = None
        self._records = records
        self.app = GuardMiddleware(self._app, records, KINDS, longest_body=100)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/plain":
            self.runs += 1
            return await send({"type": "http.response.start", "status": 204, "headers": []})
        self.runs += 1
        request = await receive()
        assert request["type"] == "http.request"
        if scope["method"] == "GET":
            number = (await self._execute("SELECT count(*) FROM rooms")).scalar_one()
        else:
            number = self.runs
            if not scope["path"].endswith("charge"):
                await self._execute("INSERT INTO rooms (name) VALUES ('room')")
        if self.raised is not None:
            raise self.raised
        headers = [JSON, (b"X-Colour", b"blue")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"number": ', "more_body": True})
        return await send({"type": "http.response.body", "body": b"%d}" % number})

    async def _execute(self, statement: str) -> Any:  # noqa: ANN401
        return await self._records.connection().execute(text(statement))

    async def rooms(self) -> int:
        return int(json.loads((await exchange(self.app, "GET", "/rooms/1"))[2])["number"])


@pytest.fixture
async def hotel(tmp_path: Path) -> AsyncIterator[Hotel]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/hotel.db")
    records = AsyncEngineRecords(engine)
    await records.create_table()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE rooms (name TEXT NOT NULL)"))
    yield Hotel(records)
    await engine.dispose()


async def sent(
    hotel: Hotel, verb: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"{}"
) -> tuple[int, dict[str, str], Any]:
    status, answered, content = await exchange(hotel.app, verb, path, [*(headers or {}).items()], body)
    return status, dict(answered), json.loads(content) if content else None


def keyed(key: str = "k", **said: str) -> dict[str, str]:
    return {"idempotency-key": key, **said}


async def test_a_reply_is_echoed_and_repeated_and_takes_effect_once(hotel: Hotel) -> None:
    hotel.status = 201
    first = await sent(hotel, "POST", "/rooms", keyed())
    hotel.status = 200
    second = await sent(hotel, "POST", "/rooms", keyed())
    assert first == (
        201,
        {"content-type": "application/json; charset=utf-8", "x-colour": "blue", "idempotency-key": "k"},
        {"number": 1},
    )
    assert (second[0], second[2]) == (201, {"number": 1})
    assert second[1] == {
        "content-type": "application/json; charset=utf-8",
        "content-length": "13",
        "idempotency-key": "k",
    }
    assert await hotel.rooms() == 1


async def test_a_call_without_a_key_runs_each_time(hotel: Hotel) -> None:
    answers = [await sent(hotel, "POST", "/rooms") for _ in range(2)]
    assert [answer[2]["number"] for answer in answers] == [1, 2]
    assert "idempotency-key" not in answers[0][1]
    assert await hotel.rooms() == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 412, 422])
async def test_a_refusal_of_a_command_is_taken_back_and_answered_again(hotel: Hotel, status: int) -> None:
    hotel.status = status
    first = await sent(hotel, "POST", "/rooms", keyed())
    hotel.status = 200
    second = await sent(hotel, "POST", "/rooms", keyed())
    assert (first[0], first[1]["idempotency-key"]) == (status, "k")
    assert (second[0], second[2], second[1]["idempotency-key"]) == (status, first[2], "k")
    assert hotel.runs == 1
    assert await hotel.rooms() == 0


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503])
async def test_a_failure_is_taken_back_and_not_recorded(hotel: Hotel, status: int) -> None:
    hotel.status = status
    failed = await sent(hotel, "POST", "/rooms", keyed())
    assert (failed[0], failed[1].get("idempotency-key"), failed[2]) == (status, None, {"number": 1})
    hotel.status = 200
    assert (await sent(hotel, "POST", "/rooms", keyed()))[0] == 200
    assert await hotel.rooms() == 1


async def test_a_refusal_that_leaves_no_record_has_no_echo(hotel: Hotel) -> None:
    for path in ("/rooms/later", "/rooms/cancel"):
        hotel.status = 422
        refused = await sent(hotel, "POST", path, keyed(path))
        assert (refused[0], refused[1].get("idempotency-key")) == (422, None)
        hotel.status = 200
        accepted = await sent(hotel, "POST", path, keyed(path))
        assert (accepted[0], accepted[1]["idempotency-key"]) == (200, path)


async def test_a_raised_rejection_is_a_problem_with_its_reason_and_is_recorded(hotel: Hotel) -> None:
    hotel.raised = Rejection("NO_ROOM", "no room", code="NOT_FOUND", metadata={"rooms": 0})
    first = await sent(hotel, "POST", "/rooms", keyed())
    hotel.raised = None
    assert first[0] == 404
    assert first[1]["content-type"] == "application/problem+json"
    assert first[2] == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no room",
        "code": "NOT_FOUND",
        "reason": "NO_ROOM",
        "metadata": {"rooms": "0"},
    }
    assert await sent(hotel, "POST", "/rooms", keyed()) == first


async def test_nothing_is_begun_for_a_caller_that_does_not_wait_any_longer(hotel: Hotel) -> None:
    late = await sent(hotel, "POST", "/rooms", keyed(**{"request-timeout": "0"}))
    assert (late[0], late[1].get("idempotency-key"), late[2]["reason"]) == (504, None, "TOO_LATE")
    assert hotel.runs == 0
    for patience in ("30", "soon"):
        assert (await sent(hotel, "POST", "/rooms", keyed(**{"request-timeout": patience})))[0] == 200
    assert hotel.runs == 1


async def test_an_error_of_the_application_is_taken_back_and_raised(hotel: Hotel) -> None:
    hotel.raised = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        await sent(hotel, "POST", "/rooms", keyed())
    hotel.raised = None
    assert await hotel.rooms() == 0


async def test_a_compensation_that_comes_first_answers_an_empty_object_and_keeps_its_command_out(hotel: Hotel) -> None:
    undone = await sent(hotel, "POST", "/rooms/cancel", keyed("undo", compensates="k"))
    late = await sent(hotel, "POST", "/rooms", keyed())
    assert undone == (
        200,
        {"content-type": "application/json", "content-length": "2", "idempotency-key": "undo"},
        {},
    )
    assert (late[0], late[2]["reason"], late[1]["idempotency-key"]) == (422, "COMMAND_COMPENSATED", "k")
    assert hotel.runs == 0


@pytest.mark.parametrize(
    ("path", "body"), [("/rooms?page=2", b"{}"), ("/rooms", b"{ }"), ("/rooms/later", b"{}")], ids=str
)
async def test_a_key_belongs_to_one_method_path_query_and_body(hotel: Hotel, path: str, body: bytes) -> None:
    await sent(hotel, "POST", "/rooms", keyed())
    refused = await sent(hotel, "POST", path, keyed(), body)
    assert (refused[0], refused[2]["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert "idempotency-key" not in refused[1]
    assert hotel.runs == 1


async def test_a_verify_query_says_yes_only_of_what_took_effect(hotel: Hotel) -> None:
    unseen = await sent(hotel, "GET", "/rooms/1", keyed(verifies="k"))
    await sent(hotel, "POST", "/rooms", keyed())
    seen = await sent(hotel, "GET", "/rooms/1", keyed(verifies="k"))
    assert (unseen[0], unseen[2]["reason"]) == (404, "COMMAND_NOT_SEEN")
    assert (seen[0], seen[2]) == (200, {"number": 1})


async def test_a_foreign_command_is_in_doubt_until_it_is_answered_and_free_when_it_was_postponed(hotel: Hotel) -> None:
    hotel.status = 503
    await sent(hotel, "POST", "/rooms/1/charge", keyed("lost"))
    hotel.status = 429
    await sent(hotel, "POST", "/rooms/1/charge", keyed("postponed"))
    hotel.status = 200
    lost = await sent(hotel, "POST", "/rooms/1/charge", keyed("lost"))
    assert (lost[0], lost[2]["reason"]) == (500, "COMMAND_IN_DOUBT")
    assert (await sent(hotel, "POST", "/rooms/1/charge", keyed("postponed")))[0] == 200


@pytest.mark.parametrize("waits", [0, 1])
async def test_a_foreign_command_that_comes_too_late_is_not_in_doubt(
    hotel: Hotel, monkeypatch: pytest.MonkeyPatch, waits: int
) -> None:
    """Its caller is gone before the intent is written, or while it is: the service is not called either way."""
    looks = iter([0.0, *[0.0] * waits])
    clock = SimpleNamespace(monotonic=lambda: next(looks, 10.0))
    monkeypatch.setattr("orchestrator.participant.asgi.time", clock)
    late = await sent(hotel, "POST", "/rooms/1/charge", keyed(**{"request-timeout": "5"}))
    monkeypatch.undo()
    assert (late[0], late[1].get("idempotency-key"), late[2]["reason"]) == (504, None, "TOO_LATE")
    assert hotel.runs == 0

    assert (await sent(hotel, "POST", "/rooms/1/charge", keyed()))[0] == 200
    assert hotel.runs == 1


async def test_a_body_that_is_too_long_is_refused(hotel: Hotel) -> None:
    longest = await sent(hotel, "POST", "/rooms", keyed("a"), b"x" * 100)
    refused = await sent(hotel, "POST", "/rooms", keyed("b"), b"x" * 101)
    assert longest[0] == 200
    assert (refused[0], refused[2]["reason"]) == (413, "BODY_TOO_LONG")
    assert "idempotency-key" not in refused[1]


async def test_headers_that_no_saga_sends_are_refused_without_an_echo(hotel: Hotel) -> None:
    refused = await sent(hotel, "POST", "/rooms", keyed(compensates="c"))
    assert (refused[0], refused[2]["reason"]) == (400, "INVALID_HEADERS")
    assert refused[1] == {"content-type": "application/problem+json", "content-length": refused[1]["content-length"]}
    assert hotel.runs == 0


async def test_a_route_that_is_not_listed_passes_without_a_key_and_is_refused_with_one(
    hotel: Hotel, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await sent(hotel, "POST", "/plain"))[0] == 204
    refused = await sent(hotel, "POST", "/plain", keyed())
    assert (refused[0], refused[2]["reason"]) == (501, "ROUTE_NOT_GUARDED")
    assert "POST /plain came with a key and is not listed" in caplog.text
    assert hotel.runs == 1


async def test_what_is_no_http_passes(hotel: Hotel) -> None:
    sent_on: list[Message] = []

    async def send(message: Message) -> None:
        sent_on.append(message)

    async def receive() -> Message:
        raise AssertionError("not asked")

    await hotel.app({"type": "lifespan"}, receive, send)
    assert hotel.runs == 1


async def test_a_caller_that_left_before_its_body_ended_is_not_answered(hotel: Hotel) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        raise AssertionError("nobody listens")

    await hotel.app({"type": "http", "method": "POST", "path": "/rooms", "headers": []}, receive, send)
    assert hotel.runs == 0


def test_an_application_takes_no_records_for_plain_functions() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        """Answers nothing."""

    plain: Any = DriverRecords(sqlite3, lambda: sqlite3.connect(":memory:"))
    with pytest.raises(TypeError, match="AsyncEngine"):
        GuardMiddleware(app, plain, KINDS)
