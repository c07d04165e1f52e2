"""The guard's rules, on every store: whatever is repeated, late or racing, a command takes effect at most once."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from orchestrator.participant.engines import ConnectionRecords, guard_table
from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.records import KeyTakenError, Outcome, Record
from services.chassis.database import Database
from services.chassis.errors import Rejection, Unavailable
from services.chassis.guard import Call, Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TABLES = MetaData()
guard_table(TABLES)
EFFECTS = Table("effects", TABLES, Column("number", Integer, primary_key=True), Column("name", Text, nullable=False))


class Shop:
    """A participant whose only command adds a named effect, and whose compensation removes it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.guard = Guard(database)
        self.failure: Exception | None = None
        self.before_effect: Callable[[], None] = lambda: None

    async def effects(self) -> int:
        return await self.database.read(lambda it: it.execute(select(func.count()).select_from(EFFECTS)).scalar_one())

    def _add(self, connection: Connection) -> Int64Value:
        self.before_effect()
        connection.execute(insert(EFFECTS), {"name": "effect"})
        if self.failure:
            raise self.failure
        return Int64Value(value=connection.execute(select(func.count()).select_from(EFFECTS)).scalar_one())

    def _remove(self, connection: Connection) -> Int64Value:
        if self.failure:
            raise self.failure
        connection.execute(delete(EFFECTS))
        return Int64Value(value=-1)

    def _call(
        self,
        method: str,
        name: str,
        business: Callable[[Connection], Int64Value],
        **metadata: Any,  # noqa: ANN401 - the fields of CallMetadata
    ) -> Call[Int64Value]:
        return Call(method, StringValue(value=name), CallMetadata(**metadata), Int64Value, business)

    async def add(self, key: str | None = "command", *, method: str = "Add", name: str = "a") -> Int64Value:
        return await self.guard.command(self._call(method, name, self._add, idempotency_key=key))

    async def add_later(self, key: str | None = "command") -> Int64Value:
        return await self.guard.retryable(self._call("AddLater", "a", self._add, idempotency_key=key))

    async def remove(self, key: str | None = "undo", *, compensates: str | None = "command") -> Int64Value:
        call = self._call("Remove", "a", self._remove, idempotency_key=key, compensates=compensates)
        return await self.guard.compensation(call)

    async def ask(self, refusal: Rejection, *, recording: bool = False) -> Int64Value:
        self.failure = refusal
        call = self._call("Ask", "a", self._remove, idempotency_key="question")
        return await (self.guard.recording_query(call) if recording else self.guard.query(call))

    async def verify(self, key: str | None = "command") -> Int64Value:
        return await self.guard.query(self._call("Show", "a", lambda _: Int64Value(value=7), verifies=key))


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    database = await Database.open(database_url, prepare=TABLES.create_all)
    yield Shop(database)
    await database.close()


async def settled(call: Awaitable[object]) -> tuple[str, bool]:
    """The reason of the refusal, and whether the refusal holds for every attempt of its key."""
    with pytest.raises(Rejection) as caught:
        await call
    return caught.value.reason, caught.value.settled


async def reason(call: Awaitable[object]) -> str:
    with pytest.raises(Rejection) as caught:
        await call
    return caught.value.reason


async def test_a_repeated_key_gets_the_same_reply_and_no_second_effect(shop: Shop) -> None:
    first = await shop.add()
    second = await shop.add()
    assert first.SerializeToString() == second.SerializeToString()
    assert await shop.effects() == 1


async def test_calls_without_a_key_simply_run(shop: Shop) -> None:
    await shop.add(None)
    await shop.add(None)
    assert await shop.effects() == 2


async def test_a_key_that_comes_with_another_request_is_refused(shop: Shop) -> None:
    await shop.add(name="a")
    assert await reason(shop.add(name="b")) == "IDEMPOTENCY_KEY_REUSED"
    assert await shop.effects() == 1


async def test_a_key_that_comes_with_another_method_is_refused(shop: Shop) -> None:
    await shop.add(method="Add")
    assert await reason(shop.add(method="Multiply")) == "IDEMPOTENCY_KEY_REUSED"
    assert await reason(shop.remove("command", compensates=None)) == "IDEMPOTENCY_KEY_REUSED"


async def test_a_rejection_takes_its_changes_back_and_is_final(shop: Shop) -> None:
    shop.failure = Rejection("SOLD_OUT", "sold out", metadata={"left": 0})
    with pytest.raises(Rejection) as first:
        await shop.add()
    shop.failure = None
    with pytest.raises(Rejection) as second:
        await shop.add()
    assert first.value.status("shop") == second.value.status("shop")
    assert await shop.effects() == 0


async def test_a_rejection_without_a_key_is_forgotten(shop: Shop) -> None:
    shop.failure = Rejection("SOLD_OUT", "sold out")
    assert await reason(shop.add(None)) == "SOLD_OUT"
    shop.failure = None
    await shop.add(None)
    assert await shop.effects() == 1


async def test_a_rejected_retryable_command_may_succeed_later(shop: Shop) -> None:
    shop.failure = Rejection("NOT_YET", "not yet")
    assert await reason(shop.add_later()) == "NOT_YET"
    shop.failure = None
    await shop.add_later()
    await shop.add_later()
    assert await shop.effects() == 1


@pytest.mark.parametrize("trouble", [Unavailable("later"), RuntimeError("a bug")])
async def test_a_passing_failure_is_not_recorded_and_the_next_attempt_succeeds(shop: Shop, trouble: Exception) -> None:
    shop.failure = trouble
    with pytest.raises(type(trouble)):
        await shop.add()
    assert await shop.effects() == 0
    shop.failure = None
    await shop.add()
    assert await shop.effects() == 1


async def test_a_compensation_undoes_its_command_once(shop: Shop) -> None:
    await shop.add()
    first = await shop.remove()
    assert await shop.effects() == 0
    await shop.add("another")
    second = await shop.remove()
    assert first == second
    assert await shop.effects() == 1


async def test_a_compensation_that_comes_first_succeeds_and_keeps_its_command_out(shop: Shop) -> None:
    assert await shop.remove() == Int64Value()
    assert await reason(shop.add()) == "COMMAND_COMPENSATED"
    assert await shop.effects() == 0
    assert await shop.remove() == Int64Value()


async def test_a_compensation_without_a_key_of_its_own_keeps_its_command_out_too(shop: Shop) -> None:
    await shop.remove(None)
    assert await reason(shop.add()) == "COMMAND_COMPENSATED"


async def test_a_second_compensation_of_a_command_never_seen_changes_nothing(shop: Shop) -> None:
    await shop.remove("undo")
    await shop.add("another")
    assert await shop.remove("undo again") == Int64Value()
    assert await shop.effects() == 1
    assert await reason(shop.add()) == "COMMAND_COMPENSATED"


async def test_the_compensation_of_a_rejected_command_does_nothing(shop: Shop) -> None:
    await shop.add("another")
    shop.failure = Rejection("SOLD_OUT", "sold out")
    assert await reason(shop.add()) == "SOLD_OUT"
    shop.failure = None
    assert await shop.remove() == Int64Value()
    assert await shop.effects() == 1
    assert await reason(shop.add()) == "SOLD_OUT"


async def test_a_compensation_that_names_no_command_undoes_what_its_request_says(shop: Shop) -> None:
    await shop.add()
    assert await shop.remove(compensates=None) == Int64Value(value=-1)
    assert await shop.effects() == 0


async def test_a_rejected_compensation_may_succeed_later(shop: Shop) -> None:
    await shop.add()
    shop.failure = Rejection("TOO_LATE", "too late")
    assert await reason(shop.remove()) == "TOO_LATE"
    shop.failure = None
    await shop.remove()
    assert await shop.effects() == 0


async def test_a_repeated_command_gets_its_reply_even_after_its_compensation(shop: Shop) -> None:
    first = await shop.add()
    await shop.remove()
    assert await shop.add() == first
    assert await shop.effects() == 0


async def test_verify_answers_for_a_command_that_took_effect(shop: Shop) -> None:
    await shop.add()
    assert await shop.verify() == Int64Value(value=7)


async def test_verify_does_not_know_a_command_that_took_no_effect(shop: Shop) -> None:
    assert await reason(shop.verify("never sent")) == "COMMAND_NOT_SEEN"
    await shop.remove(compensates="kept out")
    assert await reason(shop.verify("kept out")) == "COMMAND_NOT_SEEN"
    shop.failure = Rejection("SOLD_OUT", "sold out")
    assert await reason(shop.add("rejected")) == "SOLD_OUT"
    assert await reason(shop.verify("rejected")) == "COMMAND_NOT_SEEN"


async def test_an_unseen_command_is_not_found_and_the_refusal_names_its_key(shop: Shop) -> None:
    with pytest.raises(Rejection) as caught:
        await shop.verify("never sent")
    assert caught.value.code is grpc.StatusCode.NOT_FOUND
    assert caught.value.metadata == {"idempotency_key": "never sent"}


async def test_a_query_that_verifies_nothing_simply_answers(shop: Shop) -> None:
    assert await shop.verify(None) == Int64Value(value=7)


async def test_concurrent_duplicates_take_effect_once_and_all_get_one_reply(shop: Shop) -> None:
    replies = await asyncio.gather(*(shop.add() for _ in range(20)))
    assert {reply.value for reply in replies} == {1}
    assert await shop.effects() == 1


async def test_a_command_that_races_its_compensation_leaves_no_effect(shop: Shop) -> None:
    for number in range(10):
        command, undo = f"command-{number}", f"undo-{number}"
        await asyncio.gather(
            shop.add(command), shop.remove(undo, compensates=command), shop.add(command), return_exceptions=True
        )
        assert await shop.effects() == 0


async def test_of_two_rejections_that_race_the_first_recorded_one_answers_both(shop: Shop) -> None:
    shop.failure = Rejection("SOLD_OUT", "sold out")
    outcomes = await asyncio.gather(*(shop.add() for _ in range(10)), return_exceptions=True)
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Rejection)} == {"SOLD_OUT"}
    shop.failure = None
    assert await reason(shop.add()) == "SOLD_OUT"


async def test_the_loser_of_a_race_for_a_key_takes_its_change_back(service_postgres_url: str) -> None:
    database = await Database.open(service_postgres_url, prepare=TABLES.create_all)
    shop = Shop(database)
    # Both transactions have found no record before either goes on: only the insert can tell them apart.
    both_inside = threading.Barrier(2, timeout=30)
    waited: set[int] = set()

    def meet() -> None:
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            both_inside.wait()

    shop.before_effect = meet
    first, second = await asyncio.gather(shop.add(), shop.add())
    assert first == second
    assert await shop.effects() == 1
    await database.close()


async def test_a_recorded_rejection_is_settled_when_it_is_new_and_when_it_is_repeated(shop: Shop) -> None:
    shop.failure = Rejection("SOLD_OUT", "sold out")
    assert await settled(shop.add()) == ("SOLD_OUT", True)
    shop.failure = None
    assert await settled(shop.add()) == ("SOLD_OUT", True)


async def test_a_command_kept_out_by_its_compensation_is_settled(shop: Shop) -> None:
    await shop.remove()
    assert await settled(shop.add()) == ("COMMAND_COMPENSATED", True)


async def test_the_rejection_of_a_query_is_settled(shop: Shop) -> None:
    assert await settled(shop.verify()) == ("COMMAND_NOT_SEEN", True)
    assert await settled(shop.ask(Rejection("UNKNOWN", "unknown"))) == ("UNKNOWN", True)
    assert await settled(shop.ask(Rejection("UNKNOWN", "unknown"), recording=True)) == ("UNKNOWN", True)


async def test_a_rejection_without_a_record_is_not_settled_because_another_attempt_may_succeed(shop: Shop) -> None:
    await shop.add("effect")
    shop.failure = Rejection("NOT_YET", "not yet")
    assert await settled(shop.add(None)) == ("NOT_YET", False)
    assert await settled(shop.add_later()) == ("NOT_YET", False)
    assert await settled(shop.remove(compensates="effect")) == ("NOT_YET", False)
    assert await settled(shop.remove(compensates=None)) == ("NOT_YET", False)


async def test_the_rejection_of_a_reused_key_is_not_settled_because_its_first_use_may_have_had_an_effect(
    shop: Shop,
) -> None:
    await shop.add(name="a")
    assert await settled(shop.add(name="b")) == ("IDEMPOTENCY_KEY_REUSED", False)
    assert await settled(shop.add(method="Multiply")) == ("IDEMPOTENCY_KEY_REUSED", False)


async def test_a_refusal_by_the_guard_names_the_key_and_the_method_of_its_record(shop: Shop) -> None:
    await shop.add("first", method="Add")
    with pytest.raises(Rejection) as reused:
        await shop.add("first", method="Multiply")
    assert reused.value.metadata == {"idempotency_key": "first", "method": "Add"}
    await shop.remove(compensates="kept out")
    with pytest.raises(Rejection) as compensated:
        await shop.add("kept out")
    assert compensated.value.metadata == {"idempotency_key": "kept out", "method": "Remove"}


@pytest.mark.parametrize(
    "broken",
    [Record("key", "Add", Outcome.COMPLETED), Record("key", "Add", Outcome.COMPENSATED, b"digest", b"answer")],
    ids=["completed without an answer", "a tombstone with one"],
)
async def test_an_invalid_record_is_refused_and_not_taken_for_a_lost_race(shop: Shop, broken: Record) -> None:
    with pytest.raises(IntegrityError):
        await shop.database.transaction(lambda connection: ConnectionRecords(connection).keep(broken))


async def test_a_second_record_of_a_key_is_a_lost_race(shop: Shop) -> None:
    tombstone = Record("key", "Add", Outcome.COMPENSATED)
    await shop.database.transaction(lambda connection: ConnectionRecords(connection).keep(tombstone))
    with pytest.raises(KeyTakenError):
        await shop.database.transaction(lambda connection: ConnectionRecords(connection).keep(tombstone))


class ForgetfulDatabase:
    """A database whose second transaction finds the key taken, although the key never has a record."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.transactions = 0

    async def transaction(self, work: Callable[[Connection], object]) -> object:
        self.transactions += 1
        if self.transactions == 2:
            raise KeyTakenError("command")
        return await self._database.transaction(work)


async def test_a_rejection_that_lost_a_race_to_a_record_never_found_is_a_passing_failure(shop: Shop) -> None:
    forgetful = ForgetfulDatabase(shop.database)
    shop.guard = Guard(cast("Database", forgetful))
    shop.failure = Rejection("SOLD_OUT", "sold out")
    with pytest.raises(Unavailable):
        await shop.add()
    assert forgetful.transactions == 5


async def test_a_compensation_that_names_its_own_key_ends(shop: Shop) -> None:
    with pytest.raises(Unavailable):
        await shop.remove("undo", compensates="undo")
    assert await reason(shop.verify("undo")) == "COMMAND_NOT_SEEN"
    assert await shop.effects() == 0
