"""What becomes durable, as it is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import entries as e
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Failure
from orchestrator.journal.priority import Priority
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import SagaState
from orchestrator.observability import names
from orchestrator.observability.metrics.counting import CountingObserver

if TYPE_CHECKING:
    from orchestrator.journal.entries import Entry

SECOND = 1_000_000_000
RESERVE = "InventoryService.ReserveStock#1"
METHOD = "shop.inventory.v1.InventoryService.ReserveStock"
RELEASE = "shop.inventory.v1.InventoryService.ReleaseStock"
STARTED = e.SagaStarted(SECOND, "place_order", 1, b"")
INTENDED = e.CommandIntended(2 * SECOND, RESERVE, METHOD, Effect.COMPENSABLE, b"request")
LOST = Failure(StatusCode.DEADLINE_EXCEEDED, "the answer is lost")
FAILED = e.AttemptFailed(4 * SECOND, RESERVE, 1, 3 * SECOND, LOST)
ADDRESSES = {"shop.inventory.v1.InventoryService": "stock:50103"}


@pytest.fixture
def observer() -> CountingObserver:
    return CountingObserver(ADDRESSES)


def live(observer: CountingObserver, *entries: Entry, before: int = 0) -> SagaState:
    """Let a saga become durable, entry by entry, from one of them on."""
    state = SagaState("order-1")
    for at, entry in enumerate(entries):
        entry.apply(state)
        if at >= before:
            observer.journalled(state, [entry])
    return state


def total(observer: CountingObserver, name: str, **attributes: str) -> float:
    """What a counter counts, or how many values a histogram has, in the series with these attributes."""
    wanted = {getattr(names, key.upper()): value for key, value in attributes.items()}
    found: list[tuple[float, ...]] = [
        values for about, values in observer.tallies.series(name).items() if wanted.items() <= dict(about).items()
    ]
    return sum(sum(values[1:]) if len(values) > 1 else values[0] for values in found)


def test_an_attempt_takes_from_its_start_to_its_end(observer: CountingObserver) -> None:
    live(observer, STARTED, INTENDED, e.CommandCompleted(6 * SECOND, RESERVE, 1, 3 * SECOND, b"reply"))

    ((about, (seconds, *counts)),) = observer.tallies.series(names.COMMAND_DURATION).items()
    assert seconds == 3.0
    assert sum(counts) == 1
    assert dict(about) == {
        "rpc.system.name": "grpc",
        "rpc.method": "shop.inventory.v1.InventoryService/ReserveStock",
        "rpc.response.status_code": "OK",
        "saga.outcome": "completed",
        "server.address": "stock",
        "server.port": 50103,
    }


def test_a_clock_that_was_set_back_makes_no_attempt_shorter_than_nothing(observer: CountingObserver) -> None:
    live(observer, STARTED, INTENDED, e.CommandCompleted(2 * SECOND, RESERVE, 1, 3 * SECOND, b"reply"))
    ((seconds, *_),) = observer.tallies.series(names.COMMAND_DURATION).values()
    assert seconds == 0


def test_a_retry_counts_as_one_and_each_attempt_for_itself(observer: CountingObserver) -> None:
    live(observer, STARTED, INTENDED, FAILED, e.CommandCompleted(6 * SECOND, RESERVE, 2, 5 * SECOND, b"reply"))

    assert total(observer, names.COMMAND_DURATION) == 2
    assert total(observer, names.COMMAND_DURATION, error_type="DEADLINE_EXCEEDED", saga_outcome="unknown") == 1
    assert total(observer, names.COMMAND_RETRIES) == 1


@pytest.mark.parametrize(
    "settled",
    [
        e.CommandCompleted(9 * SECOND, RESERVE, 1, 3 * SECOND, b"reply"),
        e.CommandRefused(9 * SECOND, RESERVE, 1, 3 * SECOND, LOST),
        e.CommandAbandoned(9 * SECOND, RESERVE, 1, 3 * SECOND, LOST),
    ],
)
def test_an_attempt_that_a_verify_query_settles_is_not_counted_again(
    observer: CountingObserver, settled: Entry
) -> None:
    live(observer, STARTED, INTENDED, FAILED, settled)
    assert total(observer, names.COMMAND_DURATION) == 1


def test_an_attempt_of_an_earlier_process_is_not_counted(observer: CountingObserver) -> None:
    recovered = e.SagaRecovered(8 * SECOND, "replica-2")
    settled = e.CommandCompleted(9 * SECOND, RESERVE, 1, 2 * SECOND, b"reply")
    live(observer, STARTED, INTENDED, recovered, settled, before=2)

    assert total(observer, names.COMMAND_DURATION) == 0
    assert total(observer, names.SAGAS_STARTED) == 0
    assert total(observer, names.CLAIMS, claim_reason="recovered") == 1


def test_a_command_that_was_never_sent_was_no_attempt(observer: CountingObserver) -> None:
    live(observer, STARTED, INTENDED, e.CommandRefused(3 * SECOND, RESERVE, 0, 3 * SECOND, LOST))
    assert total(observer, names.COMMAND_DURATION) == 0


def test_a_rollback_counts_its_reason_its_compensations_and_its_end(observer: CountingObserver) -> None:
    live(
        observer,
        STARTED,
        INTENDED,
        e.CommandCompleted(3 * SECOND, RESERVE, 1, 2 * SECOND, b"reply"),
        e.RollbackBegan(4 * SECOND, Reason(ReasonCode.CANCELLED, "she changed her mind")),
        e.CompensationBegan(4 * SECOND, RESERVE, RELEASE),
        e.AttemptFailed(5 * SECOND, f"compensation:{RESERVE}", 1, 4 * SECOND, LOST),
        e.CompensationCompleted(7 * SECOND, RESERVE, 2, 6 * SECOND),
        e.SagaCompensated(8 * SECOND),
    )

    method = "shop.inventory.v1.InventoryService/ReleaseStock"
    assert total(observer, names.SAGAS_ROLLED_BACK, saga_reason="CANCELLED") == 1
    assert total(observer, names.COMPENSATIONS, rpc_method=method, saga_outcome="completed") == 1
    assert total(observer, names.COMMAND_DURATION, rpc_method=method) == 2
    assert total(observer, names.SAGAS_ENDED, saga_status="compensated") == 1
    ((seconds, *_),) = observer.tallies.series(names.SAGA_DURATION).values()
    assert seconds == 7.0


def test_a_queued_saga_is_claimed_in_its_turn(observer: CountingObserver) -> None:
    state = fold("order-1", [STARTED, queued := e.SagaQueued(SECOND, Priority.NORMAL, SECOND)])
    observer.journalled(state, [STARTED, queued])
    assert total(observer, names.CLAIMS) == 0
    live(observer, STARTED, queued, e.SagaAdmitted(2 * SECOND, "replica-1"), before=2)
    assert total(observer, names.CLAIMS, claim_reason="admitted") == 1
    assert total(observer, names.SAGAS_STARTED) == 1


def test_the_series_of_what_is_served_are_there_before_the_first_saga(observer: CountingObserver) -> None:
    observer.expect(["place_order"])
    assert [*observer.tallies.series(names.SAGAS_STARTED).values()] == [(0,)]
    assert len(observer.tallies.series(names.SAGAS_ENDED)) == 3


def test_an_entry_that_cannot_be_counted_harms_no_saga_and_is_told_once(
    observer: CountingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    empty = SagaState("order-1")
    for _ in range(2):
        observer.journalled(empty, [e.CommandCompleted(9 * SECOND, RESERVE, 1, 3 * SECOND, b"reply")])
    assert caplog.messages == ["saga order-1: figures about it are missing"]


def test_what_is_remembered_of_sagas_in_trouble_is_bounded(
    observer: CountingObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.observability.metrics.counting._MOST_REMEMBERED", 2)
    for number in range(5):
        observer.journalled(SagaState(f"order-{number}"), [e.SagaRecovered(SECOND, "replica-2")])
    assert [*observer._not_before] == ["order-3", "order-4"]
    observer.journalled(SagaState("order-4"), [e.SagaCompleted(SECOND, b"")])
    assert [*observer._not_before] == ["order-3"]


def test_of_every_class_of_entry_it_is_said_what_is_counted() -> None:
    assert set(CountingObserver._COUNTS) == set(get_args(e.Entry))
