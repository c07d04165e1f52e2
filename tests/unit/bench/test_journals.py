"""Many journals are made of one."""

from __future__ import annotations

import uuid

from orchestrator.contract.command import Effect
from orchestrator.journal.entries import CommandIntended, SagaStarted
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from tests.bench.journals import copied, drawn_ids, until_intended

ONE, OTHER = "0" * 36, "1" * 36
START = SagaStarted(1, "checkout", 1, b"input")
APPENDS = [
    Append(ONE, "a", 1, 0, [START], Status.RUNNING, None, NewSaga("checkout", 1, b"", 1, ())),
    Append(
        ONE, "a", 1, 1, [CommandIntended(2, "Reserve#1", "Reserve", Effect.COMPENSABLE, ONE.encode())], Status.RUNNING
    ),
    Append(ONE, "a", 1, 2, [CommandIntended(3, "Ship#1", "Ship", Effect.COMPENSABLE, ONE.encode())], Status.RUNNING),
]


def test_a_copy_is_of_another_saga_and_asks_for_another_order() -> None:
    start, reserve, _ = (copied(append, OTHER) for append in APPENDS)

    assert start == APPENDS[0]._replace(saga_id=OTHER)
    assert reserve.saga_id == OTHER
    (intended,) = reserve.entries
    assert isinstance(intended, CommandIntended)
    assert intended.request == OTHER.encode()


def test_a_saga_can_be_left_in_the_middle() -> None:
    assert until_intended(APPENDS, 1) == APPENDS[:2]
    assert until_intended(APPENDS, 2) == APPENDS


def test_half_of_the_ids_are_in_the_order_of_time_and_no_two_are_alike() -> None:
    ids = drawn_ids(100)

    assert len(set(ids)) == 100
    assert ids[::2] == sorted(ids[::2])
    assert {uuid.UUID(each).version for each in ids[::2]} == {7}
    assert {uuid.UUID(each).version for each in ids[1::2]} == {5}
