"""When a decision by a person takes the place of a child's result."""

from __future__ import annotations

import pytest

from orchestrator.engine.child_outcomes import handed_on, hears_by_hand, rollback_outcome
from orchestrator.journal.entries import ActProposed, CompensationResolved, OutcomeResolved
from orchestrator.journal.events import HeldEvent
from orchestrator.journal.outcome import Completed, Outcome, Rejected, Unknown
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import SagaState, Status

CHILD = "saga.parcel#1"
WHY = Reason(ReasonCode.RESOLVED, "seen in the books")
COMPLETED = OutcomeResolved(2, CHILD, True, b"reply", WHY)
EVENT = HeldEvent(f"delivery-1/{CHILD}", "parcel", "event:shop.order.v1.OrderPlaced#1", 1, "OrderPlaced", b"payload")


def test_a_child_that_has_completed_is_heard_by_hand() -> None:
    assert hears_by_hand(SagaState("delivery-1"), COMPLETED)


@pytest.mark.parametrize(
    "entry",
    [
        OutcomeResolved(2, CHILD, False, b"", WHY),
        ActProposed(2, CHILD, "RESOLVE_OUTCOME", WHY),
        CompensationResolved(2, CHILD, WHY),
    ],
)
def test_a_child_that_has_done_nothing_or_of_which_nothing_is_decided_is_not(entry: OutcomeResolved) -> None:
    assert not hears_by_hand(SagaState("delivery-1"), entry)


def test_a_saga_that_rolls_back_hears_nothing_more() -> None:
    state = SagaState("delivery-1")
    state.rollback = Reason(ReasonCode.CANCELLED, "please")

    assert not hears_by_hand(state, COMPLETED)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.COMPENSATED, Completed),
        (Status.PARTIALLY_COMPENSATED, Rejected),
        (Status.COMPENSATING, Unknown),
        (Status.SUSPENDED, Unknown),
        (Status.COMPLETED, Unknown),
    ],
)
def test_only_a_child_whose_effects_are_taken_back_is_rolled_back(status: Status, kind: type[Outcome]) -> None:
    state = SagaState("delivery-1/saga.parcel#1")
    state.status = status

    assert type(rollback_outcome(state)) is kind


def test_only_a_child_that_has_left_something_hands_it_on() -> None:
    assert handed_on(2, CHILD, ()) == []
    [entry] = handed_on(2, CHILD, [EVENT])
    assert (entry.at, entry.key, entry.events) == (2, CHILD, (EVENT,))
