"""A saga as the API shows it says everything that its journal says, and each thing in its own field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo

from orchestrator.api.views.saga_view import record_view, saga_view
from orchestrator.api.views.timestamps import duration, timestamp
from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal import entries as e
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Failure
from orchestrator.journal.progress import StepState
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import SagaState, Status
from orchestrator.journal.trace_ids import trace_id
from orchestrator.ports.catalogue import SagaRecord
from saga.v1 import saga_pb2

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

AT = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
TRACEPARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
REASON = Reason(ReasonCode.CANCELLED, "changed his mind", "Shop.Buy#1", "ada")
REFUSED = Failure(StatusCode.FAILED_PRECONDITION, "no", "SOLD_OUT")
STARTED = e.SagaStarted(
    AT, "buy", 3, b"", TRACEPARENT, True, (("customer_id", "ada"),), AT + 90 * SECOND, AT + 80 * SECOND, "saga-0"
)
BOUGHT = e.CommandIntended(AT + 1 * SECOND, "Shop.Buy#1", "shop.v1.Shop.Buy", Effect.COMPENSABLE, b"")
TOLD = e.CommandIntended(AT + 2 * SECOND, "Shop.Tell#1", "shop.v1.Shop.Tell", Effect.RETRYABLE, b"", best_effort=True)


def state_of(*entries: e.Entry) -> SagaState:
    return fold("saga-1", [STARTED, *entries])


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [(Status, saga_pb2.Status, "STATUS_"), (StepState, saga_pb2.StepState, "STEP_STATE_")],
)
def test_our_names_and_numbers_are_those_of_the_api(
    ours: type[Status | StepState], theirs: EnumTypeWrapper, prefix: str
) -> None:
    known = {name.removeprefix(prefix): number for name, number in theirs.items() if number}

    assert {member.name: member.value for member in ours} == known


def test_a_running_saga_has_no_end_and_no_reason() -> None:
    view = saga_view(state_of(), None)

    assert view == saga_pb2.Saga(
        saga_id="saga-1",
        definition="buy",
        version=3,
        status=saga_pb2.STATUS_RUNNING,
        started_at=timestamp(AT),
        trace_id=trace_id("saga-1", TRACEPARENT),
        attributes={"customer_id": "ada"},
        deadline_at=timestamp(AT + 90 * SECOND),
        parent_id="saga-0",
    )
    assert not view.HasField("ended_at")
    assert not view.HasField("reason")
    assert view.trace_id == "a" * 32


def test_a_saga_without_a_deadline_shows_none() -> None:
    assert not saga_view(fold("saga-1", [STARTED._replace(deadline_at=0)]), None).HasField("deadline_at")


def test_a_saga_that_rolled_back_shows_why_and_when_it_ended() -> None:
    began = e.RollbackBegan(AT + 3 * SECOND, REASON)

    view = saga_view(state_of(began, e.SagaCompensated(AT + 4 * SECOND)), None)

    assert (view.status, view.ended_at) == (saga_pb2.STATUS_COMPENSATED, timestamp(AT + 4 * SECOND))
    assert view.reason == saga_pb2.Reason(
        code="CANCELLED", message="changed his mind", step_key="Shop.Buy#1", requested_by="ada"
    )


def test_a_saga_past_its_deadline_is_overdue() -> None:
    assert saga_view(state_of(e.DeadlinePassed(AT + 99 * SECOND)), None).overdue


def test_a_step_under_way_has_begun_and_not_ended() -> None:
    failed = e.AttemptFailed(AT + 3 * SECOND, TOLD.key, 1, AT + 2 * SECOND, Failure(StatusCode.UNAVAILABLE, "gone", ""))

    (step,) = saga_view(state_of(TOLD, failed), None).steps

    assert (step.key, step.method, step.attempts) == ("Shop.Tell#1", "shop.v1.Shop.Tell", 1)
    assert (step.effect, step.state) == (Effect.RETRYABLE.value, saga_pb2.STEP_STATE_IN_PROGRESS)
    assert (step.best_effort, step.conditional) == (True, False)
    assert step.started_at == timestamp(AT + 2 * SECOND)
    assert not step.HasField("ended_at")
    assert not step.HasField("duration")
    assert not step.HasField("compensation")
    assert (step.error.code, step.error.message, list(step.error.details)) == (14, "gone", [])


def test_a_step_that_is_done_shows_how_long_it_took_and_no_error_of_an_earlier_attempt() -> None:
    failed = e.AttemptFailed(
        AT + 3 * SECOND, BOUGHT.key, 1, AT + 1 * SECOND, Failure(StatusCode.UNAVAILABLE, "gone", "")
    )
    done = e.CommandCompleted(AT + 5 * SECOND, BOUGHT.key, 2, AT + 4 * SECOND, b"")

    (step,) = saga_view(state_of(BOUGHT, failed, done), None).steps

    assert (step.state, step.attempts) == (saga_pb2.STEP_STATE_COMPLETED, 2)
    assert (step.started_at, step.ended_at) == (timestamp(AT + 1 * SECOND), timestamp(AT + 5 * SECOND))
    assert step.duration == duration(4 * SECOND)
    assert not step.HasField("error")
    assert not step.best_effort


def test_a_step_that_was_refused_shows_the_refusal_with_its_reason() -> None:
    refused = e.CommandRefused(AT + 2 * SECOND, BOUGHT.key, 1, AT + 1 * SECOND, REFUSED)

    (step,) = saga_view(state_of(BOUGHT, refused), None).steps

    info = ErrorInfo()
    assert step.state == saga_pb2.STEP_STATE_REJECTED
    assert (step.error.code, step.error.message) == (9, "no")
    assert step.error.details[0].Unpack(info)
    assert info.reason == "SOLD_OUT"


DONE = e.CommandCompleted(AT + 2 * SECOND, BOUGHT.key, 1, AT + 1 * SECOND, b"")
ROLLBACK = (
    BOUGHT,
    DONE,
    e.RollbackBegan(AT + 3 * SECOND, REASON),
    e.CompensationBegan(AT + 4 * SECOND, BOUGHT.key, "shop.v1.Shop.Return"),
)


def test_a_compensation_that_waits_for_its_turn_was_not_sent() -> None:
    (step,) = saga_view(state_of(*ROLLBACK), None).steps

    assert step.compensation == saga_pb2.Compensation(method="shop.v1.Shop.Return", position=1)
    assert not step.compensation.HasField("started_at")


def test_a_compensation_that_was_refused_shows_when_it_was_sent_and_why_not() -> None:
    refused = e.CompensationRejected(AT + 6 * SECOND, BOUGHT.key, 2, AT + 5 * SECOND, REFUSED)

    (step,) = saga_view(state_of(*ROLLBACK, refused), None).steps

    assert (step.compensation.attempts, step.compensation.started_at) == (2, timestamp(AT + 5 * SECOND))
    assert (step.compensation.error.code, step.compensation.error.message) == (9, "no")
    assert not step.compensation.HasField("ended_at")


def test_a_compensation_that_succeeded_shows_when_and_no_error_of_an_earlier_attempt() -> None:
    refused = e.CompensationRejected(AT + 6 * SECOND, BOUGHT.key, 1, AT + 5 * SECOND, REFUSED)
    done = e.CompensationCompleted(AT + 8 * SECOND, BOUGHT.key, 2, AT + 7 * SECOND)

    (step,) = saga_view(state_of(*ROLLBACK, refused, done), None).steps

    assert step.state == saga_pb2.STEP_STATE_COMPENSATED
    assert (step.compensation.attempts, step.compensation.ended_at) == (2, timestamp(AT + 8 * SECOND))
    assert not step.compensation.HasField("error")


RECORD = SagaRecord("saga-1", "buy", 3, Status.COMPLETED, b"digest", AT, AT + SECOND, (("customer_id", "ada"),), 7)


def test_a_saga_in_a_list_shows_what_its_record_holds() -> None:
    assert record_view(RECORD) == saga_pb2.Saga(
        saga_id="saga-1",
        definition="buy",
        version=3,
        status=saga_pb2.STATUS_COMPLETED,
        started_at=timestamp(AT),
        ended_at=timestamp(AT + SECOND),
        attributes={"customer_id": "ada"},
    )


def test_an_unfinished_saga_in_a_list_has_no_end() -> None:
    running = SagaRecord("saga-1", "buy", 3, Status.RUNNING, b"digest", AT, None, (), 7)

    assert not record_view(running).HasField("ended_at")


def test_an_instant_is_exact_and_a_span_is_never_negative() -> None:
    instant = timestamp(AT + 7)

    assert instant == Timestamp(seconds=1_700_000_000, nanos=7)
    assert instant.ToDatetime(UTC) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (duration(1_500_000_007).seconds, duration(1_500_000_007).nanos) == (1, 500_000_007)
    assert (duration(-1).seconds, duration(-1).nanos) == (0, 0)


def test_what_a_saga_waits_for_is_shown_with_the_failure_before_it() -> None:
    waiting = Waiting(
        WaitReason.PARTICIPANT_DOWN,
        "Shop.Buy#1",
        "shop.v1.Shop",
        2,
        AT,
        AT + 2 * SECOND,
        Failure(StatusCode.UNAVAILABLE, "gone"),
    )

    (shown,) = saga_view(state_of(BOUGHT), None, [waiting]).waiting
    assert (shown.reason, shown.step_key, shown.service, shown.attempt) == (
        saga_pb2.WAIT_REASON_PARTICIPANT_DOWN,
        "Shop.Buy#1",
        "shop.v1.Shop",
        2,
    )
    assert (shown.since.ToNanoseconds(), shown.until.ToNanoseconds()) == (AT, AT + 2 * SECOND)
    assert (shown.error.code, shown.error.message) == (14, "gone")


def test_what_a_saga_waits_for_without_an_end_or_a_failure_is_shown_without() -> None:
    (shown,) = saga_view(
        state_of(BOUGHT), None, [Waiting(WaitReason.PARTICIPANT_BUSY, "Shop.Buy#1", "shop.v1.Shop", 1, AT, 0, None)]
    ).waiting
    assert not shown.HasField("until")
    assert not shown.HasField("error")
