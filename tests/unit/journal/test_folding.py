"""What an entry says is in the state afterwards, field by field, and nothing else has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import entries as e
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Failure
from orchestrator.journal.priority import Priority
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import (
    CommandState,
    CompensationState,
    InQueue,
    Interrupted,
    Queued,
    SagaState,
    Status,
    StepOutcome,
)
from orchestrator.journal.waits import WaitEnd

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "Shop.Buy#1"
NO = Failure(StatusCode.UNAVAILABLE, "nobody there", "GONE")
WHY = Reason(ReasonCode.CANCELLED, "enough", KEY, "ada")
STARTED = e.SagaStarted(1, "buy", 3, b"input", "00-a", True, (("a", "1"),), 90, 80, "saga-0")
INTENDED = e.CommandIntended(2, KEY, "shop.v1.Shop.Buy", Effect.COMPENSABLE, b"request", best_effort=True)
PAID = e.CommandIntended(2, KEY, "shop.v1.Shop.Pay", Effect.PIVOT, b"")
WAIT = "signal:paid#1"
ASKED = e.WaitBegan(2, WAIT, "paid", "shop.v1.Payment", 50)
PARKED = e.SagaParked(4, 50)
CANCELLED = {"rollback": WHY, "rollback_at": 7, "status": Status.COMPENSATING}
DONE = e.CommandCompleted(4, KEY, 1, 3, b"reply")
ROLLING_BACK = (STARTED, INTENDED, DONE, e.RollbackBegan(5, WHY), e.CompensationBegan(6, KEY, "shop.v1.Shop.Return"))


def fields(told: SagaState | CommandState | CompensationState) -> dict[str, object]:
    """Everything that a part of the state holds, the parts of it aside."""
    names = {name for kind in type(told).__mro__ for name in getattr(kind, "__slots__", ())}
    return {name: getattr(told, name) for name in names - {"commands", "compensation", "events", "waits", "signals"}}


def changed(
    part: Callable[[SagaState], SagaState | CommandState | CompensationState],
    before: tuple[e.Entry, ...],
    entry: e.Entry,
) -> dict[str, object]:
    """What an entry changes in a part of the state."""
    earlier, later = fields(part(fold("saga-1", before))), fields(part(fold("saga-1", [*before, entry])))
    return {name: value for name, value in later.items() if value != earlier[name]}


def saga(state: SagaState) -> SagaState:
    return state


def command(state: SagaState) -> CommandState:
    return state.commands[KEY]


def compensation(state: SagaState) -> CompensationState:
    return state.compensation(KEY)


def test_of_a_saga_that_was_not_started_nothing_is_known() -> None:
    assert fields(SagaState("saga-1")) == {
        "saga_id": "saga-1",
        "definition": "",
        "version": 0,
        "input": b"",
        "traceparent": "",
        "sampled": False,
        "attributes": (),
        "started_at": 0,
        "ended_at": None,
        "status": None,
        "values": {},
        "parent_id": "",
        "deadline_at": 0,
        "forward_until": 0,
        "overdue": False,
        "pivoted": False,
        "rollback": None,
        "rollback_at": 0,
        "suspension": None,
        "suspended_at": 0,
        "proposals": {},
        "started_by": None,
        "result": None,
        "queued": None,
        "settled": {},
        "wake_at": 0,
    }
    assert SagaState("saga-1").commands == {}


def test_a_start_is_in_the_state_as_it_was_written() -> None:
    state = fold("saga-1", [STARTED])

    for name in set(STARTED._fields) - {"at"}:
        assert getattr(state, name) == getattr(STARTED, name), name
    assert (state.started_at, state.status) == (1, Status.RUNNING)


def test_a_start_without_more_has_no_trace_no_deadline_and_no_parent() -> None:
    bare = e.SagaStarted(1, "buy", 1, b"")

    assert bare == e.SagaStarted(1, "buy", 1, b"", "", False, (), 0, 0, "")


def test_an_intended_command_is_in_the_state_as_it_was_written() -> None:
    told = command(fold("saga-1", [STARTED, INTENDED]))

    assert fields(told) == {
        "key": KEY,
        "method": "shop.v1.Shop.Buy",
        "effect": Effect.COMPENSABLE,
        "request": b"request",
        "intended_at": 2,
        "best_effort": True,
        "attempts": 0,
        "failure": None,
        "in_queue": None,
        "interrupted": None,
        "outcome": None,
        "reply": None,
        "ended_at": None,
        "doubtful": False,
        "skipped": False,
    }
    assert told.compensation is None


def test_an_intended_compensation_is_in_the_state_as_it_was_written() -> None:
    assert fields(compensation(fold("saga-1", ROLLING_BACK))) == {
        "method": "shop.v1.Shop.Return",
        "request": None,
        "intended_at": 6,
        "position": 1,
        "attempts": 0,
        "failure": None,
        "in_queue": None,
        "interrupted": None,
        "sent_at": None,
        "ended_at": None,
    }


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (e.AttemptFailed(4, KEY, 1, 3, NO), {"attempts": 1, "failure": NO, "doubtful": True}),
        (e.AttemptFailed(4, KEY, 1, 3, NO, harmless=True), {"attempts": 1, "failure": NO}),
        (e.CommandQueued(4, KEY, 1, 3, 8, 9), {"in_queue": InQueue(1, 3, 8, 9)}),
        (
            e.CommandCompleted(4, KEY, 2, 3, b"reply"),
            {"outcome": StepOutcome.COMPLETED, "ended_at": 4, "attempts": 2, "reply": b"reply"},
        ),
        (
            e.CommandRefused(4, KEY, 2, 3, NO),
            {"outcome": StepOutcome.REJECTED, "ended_at": 4, "attempts": 2, "failure": NO},
        ),
        (
            e.CommandAbandoned(4, KEY, 2, 3, NO),
            {"outcome": StepOutcome.UNKNOWN, "ended_at": 4, "attempts": 2, "failure": NO},
        ),
        (e.SagaRecovered(4, "me"), {"attempts": 1, "interrupted": Interrupted(1, 4), "doubtful": True}),
        (
            e.OutcomeResolved(4, KEY, True, b"reply", WHY),
            {"outcome": StepOutcome.COMPLETED, "ended_at": 4, "reply": b"reply"},
        ),
        (
            e.OutcomeResolved(4, KEY, False, b"", WHY),
            {
                "outcome": StepOutcome.REJECTED,
                "ended_at": 4,
                "failure": Failure(StatusCode.ABORTED, "enough", "RESOLVED_BY_OPERATOR"),
            },
        ),
        (e.CompensationSkipped(4, KEY, WHY), {"skipped": True}),
    ],
)
def test_what_an_entry_changes_in_its_command(entry: e.Entry, expected: dict[str, object]) -> None:
    assert changed(command, (STARTED, INTENDED), entry) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            e.AttemptFailed(9, f"compensation:{KEY}", 1, 8, NO),
            {"attempts": 1, "failure": NO, "sent_at": 8},
        ),
        (e.CommandQueued(9, f"compensation:{KEY}", 1, 8, 9, 10), {"in_queue": InQueue(1, 8, 9, 10), "sent_at": 8}),
        (e.CompensationCompleted(9, KEY, 1, 8), {"attempts": 1, "sent_at": 8, "ended_at": 9}),
        (e.CompensationRejected(9, KEY, 1, 8, NO), {"attempts": 1, "failure": NO, "sent_at": 8}),
        (e.SagaRecovered(9, "me"), {"attempts": 1, "interrupted": Interrupted(1, 9)}),
        (e.CompensationResolved(9, KEY, WHY), {"ended_at": 9}),
    ],
)
def test_what_an_entry_changes_in_its_compensation(entry: e.Entry, expected: dict[str, object]) -> None:
    assert changed(compensation, ROLLING_BACK, entry) == expected


QUEUED = e.SagaQueued(6, Priority.HIGH, 2)
UNQUEUED = {"queued": None, "wake_at": 0}
SUSPENDED = e.SagaSuspended(6, WHY)
SETTLED: dict[str, object] = {"settled": {KEY: None}}


@pytest.mark.parametrize(
    ("before", "entry", "expected"),
    [
        ((STARTED,), e.RollbackBegan(5, WHY), {"rollback": WHY, "rollback_at": 5, "status": Status.COMPENSATING}),
        (
            (STARTED, SUSPENDED),
            e.RollbackBegan(7, WHY),
            {"rollback": WHY, "rollback_at": 7, "suspension": None, "status": Status.COMPENSATING},
        ),
        (
            (STARTED, e.SagaCompleted(5, b"result")),
            e.RollbackBegan(7, WHY),
            {"rollback": WHY, "rollback_at": 7, "ended_at": None, "status": Status.COMPENSATING},
        ),
        (
            (STARTED,),
            e.SagaCompleted(5, b"result"),
            {"result": b"result", "ended_at": 5, "status": Status.COMPLETED},
        ),
        (ROLLING_BACK, e.SagaCompensated(9), {"ended_at": 9, "status": Status.COMPENSATED}),
        (ROLLING_BACK, e.SagaPartiallyCompensated(9), {"ended_at": 9, "status": Status.PARTIALLY_COMPENSATED}),
        ((STARTED,), SUSPENDED, {"suspension": WHY, "suspended_at": 6, "status": Status.SUSPENDED}),
        ((STARTED, SUSPENDED), e.SagaResumed(7, WHY), {"suspension": None, "status": Status.RUNNING}),
        ((*ROLLING_BACK, SUSPENDED), e.SagaResumed(7, WHY), {"suspension": None, "status": Status.COMPENSATING}),
        ((STARTED,), e.RetryRequested(5, WHY), {}),
        ((STARTED,), QUEUED, {"queued": Queued(6, Priority.HIGH, 2), "wake_at": 80, "status": Status.WAITING}),
        ((STARTED, QUEUED), e.SagaAdmitted(7, "me"), {**UNQUEUED, "status": Status.RUNNING}),
        ((STARTED, QUEUED), SUSPENDED, {**UNQUEUED, "suspension": WHY, "suspended_at": 6, "status": Status.SUSPENDED}),
        (
            (STARTED, QUEUED),
            e.RollbackBegan(7, WHY),
            {**UNQUEUED, "rollback": WHY, "rollback_at": 7, "status": Status.COMPENSATING},
        ),
        ((STARTED,), e.DeadlinePassed(5), {"overdue": True}),
        ((STARTED,), e.ValueRecorded(5, "now#1", "17"), {"values": {"now#1": "17"}}),
        ((STARTED, ASKED), e.SagaParked(5, 90), {"status": Status.WAITING, "wake_at": 90}),
        ((STARTED, ASKED, PARKED), e.SagaWoken(7, "me", "timer"), {"status": Status.RUNNING, "wake_at": 0}),
        ((*ROLLING_BACK,), e.SagaParked(9, 90), {"status": Status.WAITING, "wake_at": 90}),
        (
            (*ROLLING_BACK, e.SagaParked(9, 90)),
            e.SagaWoken(10, "me", "answer"),
            {"status": Status.COMPENSATING, "wake_at": 0},
        ),
        ((STARTED, ASKED, PARKED), e.RollbackBegan(7, WHY), {**CANCELLED, "wake_at": 0}),
        ((STARTED, ASKED), e.WaitEnded(9, WAIT, WaitEnd.DUE), {"settled": {WAIT: None}}),
        ((STARTED, ASKED), e.WaitEnded(9, WAIT, WaitEnd.LEFT), {}),
        ((STARTED, PAID), e.CommandCompleted(4, KEY, 1, 3, b""), {"pivoted": True, **SETTLED}),
        ((STARTED, PAID), e.OutcomeResolved(4, KEY, True, b"", WHY), {"pivoted": True, **SETTLED}),
        ((STARTED, PAID), e.OutcomeResolved(4, KEY, False, b"", WHY), SETTLED),
        ((STARTED, INTENDED), DONE, SETTLED),
        ((STARTED, INTENDED), e.OutcomeResolved(4, KEY, True, b"", WHY), SETTLED),
        ((*ROLLING_BACK,), e.CompensationResolved(9, KEY, WHY), {}),
    ],
)
def test_what_an_entry_changes_in_its_saga(
    before: tuple[e.Entry, ...], entry: e.Entry, expected: dict[str, object]
) -> None:
    assert changed(saga, before, entry) == expected


def test_a_recovery_changes_nothing_about_what_was_settled() -> None:
    assert changed(command, (STARTED, INTENDED, DONE), e.SagaRecovered(9, "me")) == {}
    assert (
        changed(compensation, (*ROLLING_BACK, e.CompensationCompleted(9, KEY, 1, 8)), e.SagaRecovered(10, "me")) == {}
    )


def test_a_compensation_was_sent_when_it_was_first_sent() -> None:
    failed = e.AttemptFailed(9, f"compensation:{KEY}", 1, 8, NO)

    assert compensation(fold("saga-1", [*ROLLING_BACK, failed, e.CompensationCompleted(12, KEY, 2, 11)])).sent_at == 8


def test_an_effect_without_an_intended_compensation_may_be_resolved_too() -> None:
    told = compensation(
        fold("saga-1", [STARTED, INTENDED, DONE, e.RollbackBegan(8, WHY), e.CompensationResolved(9, KEY, WHY)])
    )

    assert (told.method, told.request, told.intended_at, told.ended_at) == ("", None, 9, 9)


def test_commands_are_settled_in_the_order_in_which_their_outcomes_became_known() -> None:
    other = INTENDED._replace(key="Shop.Buy#2")
    entries: list[e.Entry] = [STARTED, INTENDED, other, DONE._replace(key="Shop.Buy#2"), DONE]

    assert list(fold("saga-1", entries).settled) == ["Shop.Buy#2", KEY]


def test_of_attempts_that_ended_with_their_processes_the_first_and_the_latest_end_are_known() -> None:
    told = command(fold("saga-1", [STARTED, INTENDED, e.SagaRecovered(4, "me"), e.SagaRecovered(5, "you")]))

    assert (told.attempts, told.interrupted, told.attempt_by_queue) == (2, Interrupted(1, 5), 1)


def test_no_attempt_of_a_command_was_in_flight_once_its_saga_rolled_back() -> None:
    told = command(fold("saga-1", [STARTED, INTENDED, e.RollbackBegan(3, WHY), e.SagaRecovered(4, "me")]))

    assert (told.attempts, told.interrupted) == (1, None)
