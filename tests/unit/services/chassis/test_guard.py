"""How often the guard comes back for a key that others record at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

from orchestrator.participant.errors import RefusedError
from orchestrator.participant.metadata import CallMetadata, Kind
from orchestrator.participant.records import KeyTakenError, Outcome, Record
from services.chassis.errors import Rejection, Unavailable
from services.chassis.guard import Call, Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.chassis.database import Database

REPLY = Int64Value(value=7)


class ContestedDatabase:
    """A database in which the key is ``taken`` so many times; then every transaction gets ``result``."""

    def __init__(self, taken: int, result: object) -> None:
        self.taken = taken
        self.result = result
        self.transactions = 0

    async def transaction(self, work: Callable[[Any], object]) -> object:
        del work
        self.transactions += 1
        if self.taken:
            self.taken -= 1
            raise KeyTakenError("key")
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def guard(taken: int, result: object = REPLY.SerializeToString()) -> Guard:
    return Guard(cast("Database", ContestedDatabase(taken, result)))


def call(**metadata: Any) -> Call[Int64Value]:  # noqa: ANN401 - the fields of CallMetadata
    return Call("Add", StringValue(value="a"), CallMetadata(**metadata), Int64Value, lambda _: REPLY)


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_a_compensation_may_lose_the_key_of_its_command_and_then_its_own(taken: int) -> None:
    undo = call(idempotency_key="undo", compensates="command")
    assert await guard(taken).compensation(undo) == REPLY


@pytest.mark.parametrize("method", [Guard.command, Guard.retryable, Guard.compensation])
async def test_a_key_that_is_taken_in_every_round_is_a_passing_failure(method: Callable[..., Any]) -> None:
    with pytest.raises(Unavailable) as caught:
        await method(guard(3), call(idempotency_key="key", compensates="command"))
    assert caught.value.retry_after.total_seconds() > 0
    assert not caught.value.settled


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.COMPENSATED])
async def test_a_command_that_was_refused_before_costs_one_transaction(outcome: Outcome) -> None:
    request = call(idempotency_key="key")
    answer = Rejection("SOLD_OUT", "sold out").to_bytes() if outcome is Outcome.REJECTED else None
    database = ContestedDatabase(0, Record("key", "Add", outcome, request.of(Kind.COMMAND).digest(), answer))
    with pytest.raises(Rejection) as caught:
        await Guard(cast("Database", database)).command(request)
    assert caught.value.settled
    assert database.transactions == 1


def test_the_digest_of_a_request_does_not_depend_on_the_order_in_which_a_map_was_filled() -> None:
    names = [f"field {number}" for number in range(50)]
    first, second = (
        Call("Add", Struct(fields={name: Value() for name in order}), CallMetadata("key"), Int64Value, lambda _: REPLY)
        for order in (names, names[::-1])
    )
    assert first.request.SerializeToString() != second.request.SerializeToString()
    assert first.of(Kind.COMMAND).digest() == second.of(Kind.COMMAND).digest()


async def test_a_query_runs_beside_the_writers_and_a_recording_query_is_a_writer() -> None:
    notes = ContestedDatabase(0, REPLY.SerializeToString())
    assert await Guard(cast("Database", notes)).recording_query(call()) == REPLY
    assert notes.transactions == 1
    with pytest.raises(AttributeError, match="read"):
        await Guard(cast("Database", notes)).query(call())


class RejectingDatabase(ContestedDatabase):
    """A database in which the business rejects, its record comes too late, and the earlier record is not found."""

    def __init__(self, then: list[Exception]) -> None:
        super().__init__(0, None)
        self.then = [RefusedError(Rejection("SOLD_OUT", "sold out").to_bytes()), *then]

    async def transaction(self, work: Callable[[Any], object]) -> object:
        del work
        raise self.then.pop(0)


@pytest.mark.parametrize(
    "then",
    [[Unavailable("the disk is full")], [KeyTakenError("key")] * 4, [KeyTakenError("key"), Unavailable("away")]],
    ids=["not recorded", "taken and never found", "taken and not readable"],
)
async def test_a_rejection_that_could_not_be_recorded_is_not_answered(then: list[Exception]) -> None:
    database = RejectingDatabase(then)
    with pytest.raises(Unavailable):
        await Guard(cast("Database", database)).command(call(idempotency_key="key"))
    assert database.then == []
