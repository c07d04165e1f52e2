"""However a handler of gRPC ends a call, the guard records what is definite, takes back the rest, echoes the key."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import grpc
import grpc.aio
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from orchestrator.participant import Kind, aio, connection, driving, threads
from orchestrator.participant.contexts import refuse_late
from orchestrator.participant.driving import answer_async
from orchestrator.participant.engines import AsyncEngineRecords
from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.steps import Call
from tests.integration.participant.counter import (
    KINDS,
    OTHER,
    Counter,
    call,
    coroutine,
    driver_records,
    effects,
    function,
    postponed,
    registered,
    rich,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orchestrator.participant.driving import AsyncOpened

REFUSALS = {
    "abort": ("FAILED_PRECONDITION", "no room"),
    "abort with status": ("FAILED_PRECONDITION", "no such röom"),
    "caught abort": ("FAILED_PRECONDITION", "no room"),
    "set code": ("NOT_FOUND", "no room"),
    "rejection": ("OUT_OF_RANGE", "no room"),
    "half an emoji": ("OUT_OF_RANGE", "no room \N{REPLACEMENT CHARACTER}"),
    "abort with half an emoji": ("FAILED_PRECONDITION", "no room \N{REPLACEMENT CHARACTER}"),
}


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture(params=["coroutines", "functions", "threads"])
async def channel(request: pytest.FixtureRequest, counter: Counter, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    async with serving(request.param, counter, tmp_path) as channel:
        yield channel


async def test_a_reply_is_echoed_and_repeated_and_takes_effect_once(channel: grpc.aio.Channel) -> None:
    first, second = await call(channel, "Add", key="k"), await call(channel, "Add", key="k")
    assert (first.code, first.echo, first.value) == ("OK", ("k",), 1)
    assert second == first
    assert await effects(channel) == 1


async def test_a_call_without_a_key_runs_each_time_and_has_no_echo(channel: grpc.aio.Channel) -> None:
    assert [(await call(channel, "Add")).echo for _ in range(2)] == [(), ()]
    assert await effects(channel) == 2


@pytest.mark.parametrize("way", REFUSALS)
async def test_a_definite_refusal_is_recorded_and_answered_again_byte_for_byte(
    channel: grpc.aio.Channel, counter: Counter, way: str
) -> None:
    counter.way = way
    first = await call(channel, "Add", key="k")
    counter.way = ""
    second = await call(channel, "Add", key="k")
    assert (first.code, first.message) == REFUSALS[way]
    assert first.echo == ("k",)
    assert second == first
    assert counter.runs == 1
    assert await effects(channel) == 0


async def test_the_rich_status_of_a_handler_is_sent_as_it_was(channel: grpc.aio.Channel) -> None:
    answer = await call(channel, "Add", "abort with status", key="k")
    assert answer.details == rich().SerializeToString()


async def test_a_raised_rejection_tells_its_reason_and_its_service(channel: grpc.aio.Channel) -> None:
    answer = await call(channel, "Add", "rejection", key="k")
    assert answer.reason == "NO_ROOM"
    assert b"counter" in answer.details


@pytest.mark.parametrize("way", ["unavailable", "postponed", "bug", "stop iteration"])
async def test_a_failure_is_taken_back_and_not_recorded_and_the_next_attempt_succeeds(
    channel: grpc.aio.Channel, counter: Counter, way: str
) -> None:
    counter.way = way
    failed = await call(channel, "Add", key="k")
    assert failed.code == {"unavailable": "UNAVAILABLE", "postponed": "ABORTED"}.get(way, "UNKNOWN")
    assert failed.echo == ()
    assert failed.details == (postponed().SerializeToString() if way == "postponed" else b"")
    counter.way = ""
    assert (await call(channel, "Add", key="k")).code == "OK"
    assert await effects(channel) == 1


@pytest.mark.parametrize("name", ["AddLater", "Remove"])
async def test_a_refusal_that_leaves_no_record_has_no_echo_and_may_be_followed_by_success(
    channel: grpc.aio.Channel, counter: Counter, name: str
) -> None:
    counter.way = "abort"
    refused = await call(channel, name, key="k")
    assert (refused.code, refused.echo) == ("FAILED_PRECONDITION", ())
    counter.way = ""
    accepted = await call(channel, name, key="k")
    assert (accepted.code, accepted.echo) == ("OK", ("k",))


async def test_a_compensation_that_comes_first_answers_an_empty_message_and_keeps_its_command_out(
    channel: grpc.aio.Channel, counter: Counter
) -> None:
    undone = await call(channel, "Remove", key="undo", said={"compensates": "k"})
    late = await call(channel, "Add", key="k")
    assert (undone.code, undone.value, undone.echo) == ("OK", 0, ("undo",))
    assert (late.code, late.reason, late.echo) == ("FAILED_PRECONDITION", "COMMAND_COMPENSATED", ("k",))
    assert counter.runs == 0


async def test_a_compensation_undoes_once_and_the_late_command_gets_its_old_reply(channel: grpc.aio.Channel) -> None:
    done = await call(channel, "Add", key="k")
    assert [(await call(channel, "Remove", key="undo", said={"compensates": "k"})).value for _ in range(2)] == [-1, -1]
    assert await call(channel, "Add", key="k") == done
    assert await effects(channel) == 0


async def test_a_reused_key_is_refused_without_an_echo(channel: grpc.aio.Channel, counter: Counter) -> None:
    await call(channel, "Add", "a", key="k")
    for name, value in (("Add", "b"), ("AddLater", "a")):
        refused = await call(channel, name, value, key="k")
        assert (refused.code, refused.reason, refused.echo) == ("FAILED_PRECONDITION", "IDEMPOTENCY_KEY_REUSED", ())
    assert counter.runs == 1


async def test_the_digest_is_over_the_bytes_as_they_were_received(channel: grpc.aio.Channel) -> None:
    # Both are the same message: the second names the field twice.
    once, twice = b"\x0a\x01a", b"\x0a\x01b\x0a\x01a"
    await call(channel, "Add", key="k", payload=once)
    assert (await call(channel, "Add", key="k", payload=once)).code == "OK"
    assert (await call(channel, "Add", key="k", payload=twice)).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_verify_query_says_yes_only_of_what_took_effect(channel: grpc.aio.Channel) -> None:
    unseen = await call(channel, "Show", key="k", said={"verifies": "k"})
    await call(channel, "Add", key="k")
    seen = await call(channel, "Show", key="k", said={"verifies": "k"})
    assert (unseen.code, unseen.reason) == ("NOT_FOUND", "COMMAND_NOT_SEEN")
    assert (seen.code, seen.value) == ("OK", 1)


@pytest.mark.parametrize(
    ("name", "metadata", "field"),
    [
        ("Add", {"idempotency-key": ""}, "metadata.idempotency-key"),
        ("Add", {"idempotency-key": "k", "compensates": "c"}, "metadata.compensates"),
        ("Remove", {"idempotency-key": "k", "verifies": "c"}, "metadata.verifies"),
    ],
)
async def test_metadata_that_no_saga_sends_is_refused_without_an_echo(
    channel: grpc.aio.Channel, counter: Counter, name: str, metadata: dict[str, str], field: str
) -> None:
    refused = await call(channel, name, said=metadata)
    assert (refused.code, refused.echo) == ("INVALID_ARGUMENT", ())
    assert field in refused.message
    assert counter.runs == 0


async def test_bytes_that_are_no_request_are_refused_without_an_echo(
    channel: grpc.aio.Channel, counter: Counter
) -> None:
    await call(channel, "Add", key="known")
    for key in ("known", "new"):
        refused = await call(channel, "Add", key=key, payload=b"\xff\xff")
        assert (refused.code, refused.echo) == ("INVALID_ARGUMENT", ())
    assert counter.runs == 1


async def test_a_method_that_is_not_listed_is_refused_in_answer_and_log(
    channel: grpc.aio.Channel, counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    refused = await call(channel, "Unlisted", key="k")
    assert (refused.code, refused.echo) == ("UNIMPLEMENTED", ())
    assert "/counter.v1.CounterService/Unlisted is not listed" in refused.message
    assert "/counter.v1.CounterService/Unlisted is not listed" in caplog.text
    assert counter.runs == 0


async def test_a_method_that_does_not_exist_is_unimplemented_as_ever(channel: grpc.aio.Channel) -> None:
    assert (await call(channel, "Nothing")).code == "UNIMPLEMENTED"
    assert (await call(channel, "Nothing", service=OTHER)).code == "UNIMPLEMENTED"


async def test_a_foreign_command_is_called_once_and_its_answer_is_repeated(
    channel: grpc.aio.Channel, counter: Counter
) -> None:
    first = await call(channel, "Charge", key="k")
    assert (first.code, first.echo) == ("OK", ("k",))
    assert await call(channel, "Charge", key="k") == first
    assert counter.runs == 1


@pytest.mark.parametrize("way", ["unavailable", "bug"])
async def test_a_foreign_command_without_an_answer_stays_in_doubt_and_is_never_called_again(
    channel: grpc.aio.Channel, counter: Counter, way: str
) -> None:
    counter.way = way
    assert (await call(channel, "Charge", key="k")).code == {"unavailable": "UNAVAILABLE"}.get(way, "UNKNOWN")
    counter.way = ""
    for name, said in (
        ("Charge", {"idempotency-key": "k"}),
        ("Show", {"verifies": "k"}),
        ("Remove", {"idempotency-key": "undo", "compensates": "k"}),
    ):
        answer = await call(channel, name, said=said)
        assert (answer.code, answer.reason, answer.echo) == ("UNKNOWN", "COMMAND_IN_DOUBT", ())
    assert counter.runs == 1


async def test_a_foreign_command_that_had_no_effect_yet_is_called_again(
    channel: grpc.aio.Channel, counter: Counter
) -> None:
    counter.way = "postponed"
    assert (await call(channel, "Charge", key="k")).code == "ABORTED"
    counter.way = ""
    assert (await call(channel, "Charge", key="k")).code == "OK"
    assert counter.runs == 2


@pytest.mark.parametrize("waits", [0, 1])
async def test_a_foreign_command_that_comes_too_late_is_not_in_doubt(
    channel: grpc.aio.Channel, counter: Counter, monkeypatch: pytest.MonkeyPatch, waits: int
) -> None:
    """Its caller is gone before the intent is written, or while it is: the service is not called either way."""
    looks = iter([False] * waits)

    def refuse(context: Any) -> None:  # noqa: ANN401 - of either kind
        if next(looks, True):
            refuse_late(SimpleNamespace(time_remaining=lambda: 0.0, cancelled=lambda: False))
        refuse_late(context)

    monkeypatch.setattr("orchestrator.participant.methods.refuse_late", refuse)
    assert (await call(channel, "Charge", key="k")).code == "DEADLINE_EXCEEDED"
    monkeypatch.undo()
    assert counter.runs == 0

    assert (await call(channel, "Charge", key="k")).code == "OK"
    assert counter.runs == 1


async def test_a_foreign_refusal_is_recorded(channel: grpc.aio.Channel, counter: Counter) -> None:
    first = await call(channel, "Charge", "abort with status", key="k")
    assert (first.reason, first.echo) == ("NO_ROOM", ("k",))
    assert await call(channel, "Charge", "abort with status", key="k") == first
    assert counter.runs == 1


async def test_no_transaction_is_open_while_a_foreign_service_is_called(
    channel: grpc.aio.Channel, counter: Counter
) -> None:
    async def refused_a_connection() -> None:
        with pytest.raises(RuntimeError, match="no transaction of a guarded call is open here"):
            connection()

    counter.inside = refused_a_connection
    assert (await call(channel, "Charge", key="k")).code == "OK"


async def test_deliveries_that_race_take_effect_once_and_get_one_reply(
    channel: grpc.aio.Channel, counter: Counter
) -> None:
    answers = await asyncio.gather(*(call(channel, "Add", key="k") for _ in range(8)))
    assert {answer.value for answer in answers} == {1}
    assert counter.runs == 1
    assert await effects(channel) == 1


async def test_a_command_that_races_its_compensation_leaves_no_effect(channel: grpc.aio.Channel) -> None:
    for number in range(5):
        command = f"command-{number}"
        undo = call(channel, "Remove", key=f"undo-{number}", said={"compensates": command})
        await asyncio.gather(call(channel, "Add", key=command), undo, call(channel, "Add", key=command))
        assert await effects(channel) == 0


class Others(grpc.GenericRpcHandler):
    """Methods of a service that the guard does not know."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ANN401
        if handler_call_details.method != f"/{OTHER}/Say":
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, _: request)


async def test_a_service_that_is_not_listed_passes(tmp_path: Path) -> None:
    counter = Counter(handlers=[Others()])
    async with serving("threads", counter, tmp_path) as channel:
        answers = [await call(channel, "Say", key="k", service=OTHER, payload=b"\x08\x07") for _ in range(2)]
    assert [(answer.code, answer.value, answer.echo) for answer in answers] == [("OK", 7, ())] * 2


class PausedRecords:
    """Records whose first transaction has committed, and does not say so yet."""

    is_async = True

    def __init__(self, records: AsyncEngineRecords) -> None:
        self._records = records
        self.committed, self.may_say_so = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def transaction(self, *, writes: bool) -> AsyncIterator[AsyncOpened]:
        async with self._records.transaction(writes=writes) as opened:
            yield opened
        self.committed.set()
        await self.may_say_so.wait()


@pytest.mark.parametrize("is_known", [False, True])
async def test_a_foreign_command_that_is_cancelled_before_its_service_is_called_is_not_in_doubt(
    tmp_path: Path, *, is_known: bool
) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/records.db")
    records = AsyncEngineRecords(engine)
    await records.create_table()
    runs: list[str] = []

    async def charge() -> bytes:
        runs.append("charged")
        return b"charged"

    asked, paused = Call(Kind.FOREIGN, "Charge", b"", CallMetadata(idempotency_key="k")), PausedRecords(records)
    if is_known:
        await answer_async(asked, records, charge)
    before = len(runs)
    cancelled = asyncio.ensure_future(answer_async(asked, paused, charge))
    await paused.committed.wait()
    cancelled.cancel()
    await asyncio.wait([cancelled])
    paused.may_say_so.set()
    await asyncio.gather(*driving._taking_back)

    assert (cancelled.cancelled(), len(runs)) == (True, before)
    assert (await answer_async(asked, records, charge)).content == b"charged"
    assert runs == ["charged"]
    await engine.dispose()


async def test_a_call_that_its_caller_cancelled_is_taken_back(counter: Counter, tmp_path: Path) -> None:
    inside, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    counter.inside = wait
    async with serving("coroutines", counter, tmp_path) as channel:
        cancelled = asyncio.create_task(call(channel, "Add", key="k"))
        await inside.wait()
        cancelled.cancel()
        await ended.wait()
        counter.inside = None
        assert (await call(channel, "Add", key="k")).code == "OK"
        assert await effects(channel) == 1


async def test_a_call_whose_caller_left_a_thread_is_finished_and_its_next_delivery_gets_the_reply(
    counter: Counter, tmp_path: Path
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    async def wait() -> None:
        inside.set()
        go_on.wait(20)

    counter.inside = wait
    async with serving("functions", counter, tmp_path) as channel:
        left = asyncio.create_task(call(channel, "Add", key="k"))
        await asyncio.to_thread(inside.wait, 20)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        go_on.set()
        assert (await call(channel, "Add", key="k")).value == 1
        assert counter.runs == 1


@pytest.mark.parametrize("form", ["coroutines", "functions"])
async def test_a_handler_that_does_not_fit_its_records_is_refused(form: str, tmp_path: Path) -> None:
    plain = driver_records(tmp_path)
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/counter.db")
    records = plain if form == "coroutines" else AsyncEngineRecords(engine)
    server = grpc.aio.server(interceptors=[aio.GuardInterceptor(records, KINDS)])
    counter = Counter()
    server.add_generic_rpc_handlers([registered(counter, coroutine if form == "coroutines" else function)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        refused = await call(channel, "Add", key="k")
    await server.stop(0)
    await engine.dispose()
    assert refused.code == "UNIMPLEMENTED"
    assert "does not fit its records" in refused.message
    assert counter.runs == 0


def test_threads_take_no_records_on_an_async_engine() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(TypeError, match="AsyncEngine"):
        threads.GuardInterceptor(cast("Any", AsyncEngineRecords(engine)), KINDS)
