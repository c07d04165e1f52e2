"""The state is the fold of the entries; what is legal stands in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import entries as e
from orchestrator.journal.compensation_plan import plan_compensations
from orchestrator.journal.fold import fold
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.outcome import Failure
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CLAIMABLE, ENDED, UNFINISHED, SagaState, Status, StepOutcome

if TYPE_CHECKING:
    from orchestrator.journal.state import CommandState

WHY = Reason(ReasonCode.REJECTED, "no")
NO = Failure(StatusCode.FAILED_PRECONDITION, "no")
STARTED = e.SagaStarted(1, "sell", 1, b"input")

R, W, D, B, C, S, P = (
    Status.RUNNING,
    Status.WAITING,
    Status.COMPLETED,
    Status.COMPENSATING,
    Status.COMPENSATED,
    Status.SUSPENDED,
    Status.PARTIALLY_COMPENSATED,
)
LEGAL = {(R, W), (R, D), (R, B), (R, S), (W, R), (W, B), (W, S), (B, W), (B, C), (B, S), (B, P), (D, B)}
LEGAL |= {(S, R), (S, B), (S, P)}


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_a_saga_moves_as_the_table_says_and_not_otherwise(before: Status, after: Status) -> None:
    state = SagaState("saga-1")
    state.status = before
    if (before, after) in LEGAL:
        state.move(after)
        assert state.status is after
    else:
        with pytest.raises(ValueError, match="saga saga-1 cannot move from"):
            state.move(after)
        assert state.status is before


@pytest.mark.parametrize("status", Status)
def test_a_saga_begins_running_and_not_otherwise(status: Status) -> None:
    state = SagaState("saga-1")
    if status is Status.RUNNING:
        state.move(status)
    else:
        with pytest.raises(ValueError, match="cannot move from None"):
            state.move(status)


def test_every_status_is_unfinished_or_ended_or_suspended() -> None:
    assert UNFINISHED | ENDED | {Status.SUSPENDED} == set(Status)
    assert not UNFINISHED & ENDED


def test_every_unfinished_saga_but_one_that_waits_is_claimable() -> None:
    assert CLAIMABLE | {Status.WAITING} == UNFINISHED
    assert Status.WAITING not in CLAIMABLE


def intended(key: str, effect: Effect = Effect.COMPENSABLE, *, best_effort: bool = False) -> e.CommandIntended:
    return e.CommandIntended(2, key, f"shop.{key}", effect, b"request", best_effort)


def completed(key: str) -> e.CommandCompleted:
    return e.CommandCompleted(3, key, 1, 2, b"reply")


def story(*entries: e.Entry) -> SagaState:
    return fold("saga-1", [STARTED, *entries])


def command(*entries: e.Entry) -> CommandState:
    return story(intended("A#1"), *entries).commands["A#1"]


def test_a_start_tells_what_the_saga_is() -> None:
    state = fold("saga-1", [e.SagaStarted(7, "sell", 3, b"in", "parent", True, (("a", "b"),))])

    assert (state.saga_id, state.definition, state.version, state.input) == ("saga-1", "sell", 3, b"in")
    assert (state.traceparent, state.sampled, state.attributes, state.started_at) == ("parent", True, (("a", "b"),), 7)
    assert (state.status, state.ended_at) == (Status.RUNNING, None)


def test_an_intent_alone_is_in_doubt() -> None:
    doubtful = command()

    assert (doubtful.outcome, doubtful.attempts, doubtful.may_stand) == (None, 0, True)


def test_a_completed_command_stands_with_its_reply() -> None:
    done = command(completed("A#1"))

    assert (done.outcome, done.reply, done.attempts, done.ended_at) == (StepOutcome.COMPLETED, b"reply", 1, 3)
    assert done.may_stand


def test_a_rejected_command_has_no_effect() -> None:
    refused = command(e.CommandRefused(3, "A#1", 2, 2, NO))

    assert (refused.outcome, refused.failure, refused.attempts) == (StepOutcome.REJECTED, NO, 2)
    assert not refused.may_stand


def test_an_abandoned_command_may_stand() -> None:
    abandoned = command(e.CommandAbandoned(3, "A#1", 4, 2, NO))

    assert (abandoned.outcome, abandoned.attempts) == (StepOutcome.UNKNOWN, 4)
    assert abandoned.may_stand


def test_a_command_whose_outcome_becomes_known_later_is_settled_last() -> None:
    resolved = e.OutcomeResolved(6, "A#1", True, b"", WHY)
    abandoned = e.CommandAbandoned(3, "A#1", 1, 2, NO)
    state = story(intended("A#1"), abandoned, intended("B#1"), completed("B#1"), resolved)

    assert list(state.settled) == ["B#1", "A#1"]


def test_a_failed_attempt_counts_and_settles_nothing() -> None:
    tried = command(e.AttemptFailed(3, "A#1", 1, 2, NO))

    assert (tried.outcome, tried.attempts, tried.failure) == (None, 1, NO)


def test_recovery_counts_the_attempts_that_were_left_behind() -> None:
    state = story(
        intended("A#1"),
        completed("A#1"),
        intended("B#1"),
        e.RollbackBegan(4, WHY),
        e.CompensationBegan(5, "A#1", "undo A"),
        e.SagaRecovered(6, "b"),
    )

    assert state.commands["A#1"].attempts == 1, "its result is journalled"
    assert state.commands["B#1"].attempts == 1
    assert state.compensation("A#1").attempts == 1


def test_a_failed_attempt_to_compensate_counts_for_the_compensation() -> None:
    state = story(
        intended("A#1"),
        completed("A#1"),
        e.RollbackBegan(4, WHY),
        e.CompensationBegan(5, "A#1", "undo A"),
        e.AttemptFailed(6, compensation_key("A#1"), 1, 5, NO),
    )

    assert state.compensation("A#1").attempts == 1
    assert state.commands["A#1"].failure is None


def test_a_compensated_command_stands_no_more_and_a_refused_compensation_leaves_it() -> None:
    began = (e.RollbackBegan(4, WHY), e.CompensationBegan(5, "A#1", "undo A"))

    assert command(*began).may_stand
    assert command(*began, e.CompensationRejected(6, "A#1", 1, 5, NO)).may_stand
    assert not command(*began, e.CompensationCompleted(6, "A#1", 1, 5)).may_stand


def test_compensations_are_numbered_in_the_order_in_which_they_began() -> None:
    state = story(
        intended("A#1"),
        intended("B#1"),
        e.RollbackBegan(4, WHY),
        e.CompensationBegan(5, "B#1", "undo B"),
        e.CompensationBegan(6, "A#1", "undo A"),
    )

    assert {key: state.compensation(key).position for key in state.commands} == {"A#1": 2, "B#1": 1}


@pytest.mark.parametrize(
    ("entry", "pivoted", "in_doubt"),
    [
        (None, False, True),
        (completed("P#1"), True, False),
        (e.CommandRefused(3, "P#1", 1, 2, NO), False, False),
        (e.CommandAbandoned(3, "P#1", 1, 2, NO), False, True),
    ],
)
def test_an_accepted_pivot_is_the_point_of_no_return(entry: e.Entry | None, *, pivoted: bool, in_doubt: bool) -> None:
    state = story(intended("P#1", Effect.PIVOT), *([entry] if entry else []))

    assert state.pivoted is pivoted
    assert (state.pivot_in_doubt is not None) is in_doubt


def test_an_accepted_command_that_is_no_pivot_is_no_point_of_no_return() -> None:
    assert not story(intended("A#1"), completed("A#1")).pivoted
    assert story(intended("A#1")).pivot_in_doubt is None


def test_an_end_holds_its_instant_and_result() -> None:
    state = story(e.SagaCompleted(9, b"result"))
    assert (state.status, state.ended_at, state.result) == (Status.COMPLETED, 9, b"result")

    state = story(e.RollbackBegan(8, WHY), e.SagaCompensated(9))
    assert (state.status, state.ended_at, state.reason, state.rollback) == (Status.COMPENSATED, 9, WHY, WHY)

    state = story(e.SagaSuspended(9, WHY))
    assert (state.status, state.ended_at, state.reason, state.rollback) == (Status.SUSPENDED, None, WHY, None)


@pytest.mark.parametrize("entry", [e.SagaCompensated(9), e.SagaSuspended(9, WHY), STARTED])
def test_nothing_follows_an_end(entry: e.Entry) -> None:
    with pytest.raises(ValueError, match="cannot move"):
        story(e.SagaCompleted(8, b""), entry)


def test_a_completed_saga_may_be_rolled_back_with_its_parent() -> None:
    state = story(e.SagaCompleted(8, b""), e.RollbackBegan(9, WHY))

    assert (state.status, state.ended_at) == (Status.COMPENSATING, None)


def refused_twice_after_the_pivot(suspension: Reason) -> SagaState:
    """Two refusals after the pivot, one of which the code has got over; suspended, and resumed."""
    refused = [e.CommandRefused(4, key, 1, 3, NO) for key in ("B#1", "C#1")]
    return story(
        intended("A#1", Effect.PIVOT),
        completed("A#1"),
        intended("B#1", Effect.RETRYABLE),
        intended("C#1", Effect.RETRYABLE),
        *refused,
        e.SagaSuspended(5, suspension),
        e.SagaResumed(6, WHY),
    )


def test_a_resumed_saga_asks_the_refusal_that_has_suspended_it_again_and_no_other() -> None:
    state = refused_twice_after_the_pivot(Reason(ReasonCode.REJECTED_AFTER_PIVOT, "no", "C#1"))

    assert state.commands["B#1"].outcome is StepOutcome.REJECTED
    assert state.commands["C#1"].outcome is None
    assert (state.status, state.suspension) == (Status.RUNNING, None)


def test_a_saga_that_was_only_paused_asks_no_refusal_again() -> None:
    state = refused_twice_after_the_pivot(Reason(ReasonCode.PAUSED, "a moment"))

    assert {state.commands[key].outcome for key in ("B#1", "C#1")} == {StepOutcome.REJECTED}


def keys(commands: tuple[CommandState, ...]) -> list[str]:
    return [command.key for command in commands]


def test_a_plan_compensates_in_reverse_order_of_start_whatever_the_order_of_the_answers() -> None:
    state = story(intended("A#1"), intended("B#1"), intended("C#1"), completed("C#1"), completed("A#1"))

    assert keys(plan_compensations(state).compensations) == ["C#1", "B#1", "A#1"]


def test_a_plan_leaves_out_queries_what_was_rejected_and_what_is_compensated() -> None:
    state = story(
        intended("Q#1", Effect.QUERY),
        completed("Q#1"),
        intended("R#1"),
        e.CommandRefused(3, "R#1", 1, 2, NO),
        intended("A#1"),
        intended("B#1"),
        e.RollbackBegan(4, WHY),
        e.CompensationBegan(5, "B#1", "undo B"),
        e.CompensationCompleted(6, "B#1", 1, 5),
        e.CompensationBegan(7, "A#1", "undo A"),
    )
    plan = plan_compensations(state)

    assert keys(plan.compensations) == ["A#1"]
    assert plan.standing == ()


def test_a_plan_names_what_nothing_takes_back() -> None:
    state = story(
        intended("A#1"),
        intended("P#1", Effect.PIVOT),
        intended("T#1", Effect.RETRYABLE),
        completed("T#1"),
        intended("D#1", Effect.RETRYABLE, best_effort=True),
        completed("D#1"),
        intended("E#1", best_effort=True),
    )
    plan = plan_compensations(state)

    assert keys(plan.standing) == ["T#1", "P#1"], "the saga can do without D"
    assert keys(plan.compensations) == ["E#1", "A#1"], "but what can be compensated is"
