"""How often the guard comes back for a key that others record at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

from services.chassis.errors import Rejection, Unavailable
from services.chassis.guard import Call, Guard
from services.chassis.metadata import CallMetadata
from services.chassis.records import KeyTakenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.chassis.database import Database

REPLY = Int64Value(value=7)


class ContestedDatabase:
    """One in which the key is always taken by another, so many times; then every transaction gets `result`."""

    def __init__(self, taken: int, result: object) -> None:
        self.taken = taken
        self.result = result

    async def transaction(self, work: Callable[[Any], object]) -> object:
        del work
        if self.taken:
            self.taken -= 1
            raise KeyTakenError("key")
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def guard(taken: int, result: object = REPLY) -> Guard:
    return Guard(cast("Database", ContestedDatabase(taken, result)))


def call(**metadata: str) -> Call[Int64Value]:
    return Call("Add", StringValue(value="a"), CallMetadata(**metadata), Int64Value, lambda _: REPLY)


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_a_compensation_may_lose_the_key_of_its_command_and_then_its_own(taken: int) -> None:
    undo = call(idempotency_key="undo", compensates="command")
    assert await guard(taken).compensation(undo) == REPLY


@pytest.mark.parametrize("method", [Guard.command, Guard.retryable, Guard.compensation])
async def test_a_key_that_is_taken_again_and_again_is_a_transient_trouble(method: Callable[..., Any]) -> None:
    with pytest.raises(Unavailable) as caught:
        await method(guard(3), call(idempotency_key="key", compensates="command"))
    assert caught.value.retry_after.total_seconds() > 0
    assert not caught.value.settled


class RejectingDatabase(ContestedDatabase):
    """One in which the business rejects, the record of that comes too late, and what came first is not to be found."""

    def __init__(self, then: list[Exception]) -> None:
        super().__init__(0, None)
        self.then = [Rejection("SOLD_OUT", "sold out"), *then]

    async def transaction(self, work: Callable[[Any], object]) -> object:
        del work
        raise self.then.pop(0)


@pytest.mark.parametrize(
    "then",
    [[Unavailable("the disk is full")], [KeyTakenError("key")] * 4, [KeyTakenError("key"), Unavailable("away")]],
    ids=["not recorded", "taken and never found", "taken and not readable"],
)
async def test_a_rejection_that_could_not_be_recorded_is_not_told(then: list[Exception]) -> None:
    database = RejectingDatabase(then)
    with pytest.raises(Unavailable):
        await Guard(cast("Database", database)).command(call(idempotency_key="key"))
    assert database.then == []
