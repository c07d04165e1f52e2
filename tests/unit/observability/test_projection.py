"""Journals written by hand, and the spans that they are projected onto."""

from __future__ import annotations

from typing import get_args

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import (
    AttemptFailed,
    CommandAbandoned,
    CommandCompleted,
    CommandIntended,
    CommandQueued,
    CommandRefused,
    CompensationBegan,
    CompensationCompleted,
    CompensationRejected,
    Entry,
    RollbackBegan,
    SagaCompensated,
    SagaCompleted,
    SagaParked,
    SagaRecovered,
    SagaStarted,
    SagaSuspended,
    SagaWoken,
    SignalReceived,
    WaitBegan,
    WaitEnded,
)
from orchestrator.journal.fold import fold
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.outcome import Failure
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.trace_ids import attempt_traceparent, parse_traceparent
from orchestrator.journal.waits import WaitEnd
from orchestrator.observability.traces.projection import SagaTrace
from orchestrator.shop.demo.otlp import Span, Trace, loose_links, orphans, read_span, roots

RESERVE_SPAN = "shop.inventory.v1.InventoryService/ReserveStock"
RELEASE_SPAN = "shop.inventory.v1.InventoryService/ReleaseStock"
RESERVE = "InventoryService.ReserveStock#1"
RESERVING = "shop.inventory.v1.InventoryService.ReserveStock"
RELEASING = "shop.inventory.v1.InventoryService.ReleaseStock"
PRICE = "PricingService.PriceOrder#1"
PRICING = "shop.pricing.v1.PricingService.PriceOrder"
NO_ANSWER = Failure(StatusCode.DEADLINE_EXCEEDED, "no answer")
REFUSAL = Failure(StatusCode.FAILED_PRECONDITION, "none left", "OUT_OF_STOCK")
REJECTED = Reason(ReasonCode.REJECTED, "none left", PRICE)
CALLER_TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"

STARTED = SagaStarted(1_000_000, "place_order", 2, b"input", "", True, (("customer_id", "c-7"),))
RESERVE_INTENDED = CommandIntended(1_010_000, RESERVE, RESERVING, Effect.COMPENSABLE, b"request")
RESERVED = CommandCompleted(1_030_000, RESERVE, 1, 1_020_000, b"reply")
PRICE_INTENDED = CommandIntended(1_040_000, PRICE, PRICING, Effect.QUERY, b"request")
PRICED = CommandCompleted(1_060_000, PRICE, 1, 1_050_000, b"reply")
COMPLETED = SagaCompleted(1_070_000, b"result")
ROLLED_BACK: list[Entry] = [
    RollbackBegan(1_070_000, REJECTED),
    CompensationBegan(1_080_000, RESERVE, RELEASING),
    CompensationCompleted(1_100_000, RESERVE, 1, 1_090_000),
    SagaCompensated(1_110_000),
]


def project(*entries: Entry, saga_id: str = "order-1") -> Trace:
    start = entries[0]
    assert isinstance(start, SagaStarted)
    trace = SagaTrace(saga_id, start)
    return tuple(
        read_span(span, "orchestrator")
        for entry in entries
        for span in map(trace_pb2.Span.FromString, trace.project(entry))
    )


def only(trace: Trace, name: str, attempt: int | None = None) -> Span:
    found = [span for span in trace if span.name == name and span.attributes.get("saga.attempt") == attempt]
    assert len(found) == 1, found
    return found[0]


def seen_by_participant(key: str, attempt: int, saga_id: str = "order-1") -> str:
    """The id of the span that a participant was told to be its parent."""
    told = parse_traceparent(attempt_traceparent(saga_id, "", True, key, attempt))
    assert told is not None
    return told.span_id


def assert_whole(trace: Trace) -> None:
    assert len(roots(trace)) == 1
    assert not orphans(trace)
    assert not loose_links(trace)
    assert len({span.span_id for span in trace}) == len(trace)
    assert len({span.trace_id for span in trace}) == 1


def test_a_saga_is_one_trace_with_one_root() -> None:
    trace = project(STARTED, RESERVE_INTENDED, RESERVED, PRICE_INTENDED, PRICED, COMPLETED)
    assert_whole(trace)
    assert [span.name for span in trace] == [
        "saga started",
        RESERVE_SPAN,
        "shop.pricing.v1.PricingService/PriceOrder",
        "saga place_order",
    ]


def test_the_root_spans_the_whole_saga_and_says_how_it_ended() -> None:
    root = only(project(STARTED, RESERVE_INTENDED, RESERVED, COMPLETED), "saga place_order")
    assert (root.kind, root.started_at, root.ended_at) == ("INTERNAL", 1_000_000, 1_070_000)
    assert not root.failed
    assert root.attributes == {
        "saga.id": "order-1",
        "saga.definition": "place_order",
        "saga.version": 2,
        "saga.status": "completed",
        "saga.attribute.customer_id": "c-7",
    }


def test_a_wait_is_a_span_of_the_same_trace_however_long_its_saga_was_parked() -> None:
    wait = "item-1/signal:approval#1"
    trace = project(
        STARTED,
        WaitBegan(1_010_000, wait, "approval", "saga.v1.Decision", 9_000_000),
        WaitBegan(1_010_000, "sleep#1", due_at=2_000_000),
        SagaParked(1_020_000, 2_000_000),
        SagaWoken(5_000_000, "replica-2", "signal"),
        WaitEnded(5_001_000, "sleep#1", WaitEnd.DUE),
        SignalReceived(5_002_000, "request-1", "approval", "saga.v1.Decision", b"", Actor("grace")),
        WaitEnded(5_003_000, wait, WaitEnd.SIGNAL, "request-1"),
        SagaCompleted(6_000_000, b""),
    )

    assert_whole(trace)
    approval, slept = only(trace, "wait signal:approval"), only(trace, "wait sleep")
    assert (approval.started_at, approval.ended_at) == (1_010_000, 5_003_000)
    assert approval.attributes["saga.signal"] == "approval"
    assert (approval.attributes["saga.wait.end"], slept.attributes["saga.wait.end"]) == ("signal", "due")
    (root,) = roots(trace)
    assert [event.name for event in root.events] == ["saga.parked", "saga.woken", "saga.signal_received"]


def test_a_long_saga_is_visible_at_once() -> None:
    (started,) = project(STARTED)
    assert (started.name, started.started_at, started.ended_at) == ("saga started", 1_000_000, 1_001_000)
    assert started.attributes["saga.attribute.customer_id"] == "c-7"


def test_an_attempt_is_a_client_span_that_its_participant_knows_as_parent() -> None:
    attempt = only(project(STARTED, RESERVE_INTENDED, RESERVED), RESERVE_SPAN, 1)
    assert (attempt.kind, attempt.failed) == ("CLIENT", False)
    assert (attempt.started_at, attempt.ended_at) == (1_020_000, 1_030_000)
    assert attempt.span_id == seen_by_participant(RESERVE, 1)
    assert attempt.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "shop.inventory.v1.InventoryService/ReserveStock",
        "rpc.response.status_code": "OK",
        "saga.id": "order-1",
        "saga.definition": "place_order",
        "saga.step": RESERVE,
        "saga.attempt": 1,
        "saga.outcome": "completed",
        "saga.effect": "compensable",
        "saga.idempotency_key": f"order-1/{RESERVE}",
    }


def test_a_retried_command_has_a_span_for_every_attempt() -> None:
    trace = project(
        STARTED,
        RESERVE_INTENDED,
        AttemptFailed(1_015_000, RESERVE, 1, 1_011_000, NO_ANSWER),
        RESERVED._replace(attempt=2),
        COMPLETED,
    )
    assert_whole(trace)
    failed, completed = (only(trace, RESERVE_SPAN, attempt) for attempt in (1, 2))
    assert failed.failed
    assert failed.description == "DEADLINE_EXCEEDED: no answer"
    assert (failed.started_at, failed.ended_at) == (1_011_000, 1_015_000)
    told = [failed.attributes[name] for name in ("saga.outcome", "error.type", "rpc.response.status_code")]
    assert told == ["unknown", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]
    assert not completed.failed
    assert failed.attributes["saga.idempotency_key"] == completed.attributes["saga.idempotency_key"]


def test_a_rejection_is_an_error_with_the_participants_words() -> None:
    trace = project(STARTED, PRICE_INTENDED, CommandRefused(1_060_000, PRICE, 1, 1_050_000, REFUSAL))
    rejected = only(trace, "shop.pricing.v1.PricingService/PriceOrder", 1)
    assert rejected.failed
    assert rejected.description == "FAILED_PRECONDITION (OUT_OF_STOCK): none left"
    assert rejected.attributes["saga.outcome"] == "rejected"
    assert rejected.attributes["rpc.response.status_code"] == "FAILED_PRECONDITION"


def test_a_best_effort_command_that_was_given_up_leaves_the_root_unharmed() -> None:
    intent = PRICE_INTENDED._replace(best_effort=True)
    trace = project(STARTED, intent, CommandAbandoned(1_060_000, PRICE, 1, 1_050_000, NO_ANSWER), COMPLETED)
    abandoned = only(trace, "shop.pricing.v1.PricingService/PriceOrder", 1)
    assert abandoned.failed
    assert abandoned.attributes["saga.outcome"] == "unknown"
    assert abandoned.attributes["saga.best_effort"] is True
    assert not only(trace, "saga place_order").failed


def test_a_compensation_is_linked_to_the_attempt_whose_effect_it_undoes() -> None:
    trace = project(
        STARTED,
        RESERVE_INTENDED,
        AttemptFailed(1_015_000, RESERVE, 1, 1_011_000, NO_ANSWER),
        RESERVED._replace(attempt=2),
        *ROLLED_BACK,
    )
    assert_whole(trace)
    compensation = only(trace, RELEASE_SPAN, 1)
    command = only(trace, RESERVE_SPAN, 2)
    assert compensation.links == ((command.trace_id, command.span_id),)
    assert compensation.span_id == seen_by_participant(compensation_key(RESERVE), 1)
    assert compensation.attributes["saga.compensates"] == RESERVE
    assert "saga.effect" not in compensation.attributes


def test_a_compensation_has_no_link_to_a_command_that_was_never_sent() -> None:
    trace = project(STARTED, RESERVE_INTENDED, *ROLLED_BACK)
    assert only(trace, RELEASE_SPAN, 1).links == ()
    assert_whole(trace)


def test_a_command_that_a_queue_held_when_the_saga_turned_back_has_a_span_to_which_its_compensation_links() -> None:
    queued = CommandQueued(1_030_000, RESERVE, 1, 1_020_000, 9_000_000, 9_500_000)
    trace = project(STARTED, RESERVE_INTENDED, queued, *ROLLED_BACK)
    assert_whole(trace)
    held = only(trace, RESERVE_SPAN, 1)
    assert held.span_id == seen_by_participant(RESERVE, 1)
    assert (held.started_at, held.ended_at) == (1_020_000, 1_070_000)
    assert held.failed
    assert held.description == "the saga turned back before an answer came"
    assert held.span_id in {span_id for _, span_id in only(trace, RELEASE_SPAN, 1).links}


def test_a_rollback_shows_on_the_root_as_event_and_error() -> None:
    root = only(project(STARTED, RESERVE_INTENDED, RESERVED, *ROLLED_BACK), "saga place_order")
    assert root.failed
    assert root.description == "none left"
    assert root.attributes["saga.status"] == "compensated"
    assert root.attributes["error.type"] == "REJECTED"
    (began,) = root.events
    assert (began.name, began.at) == ("saga.rollback_began", 1_070_000)
    assert began.attributes == {"saga.reason": "REJECTED", "saga.reason.message": "none left", "saga.step": PRICE}


def test_the_root_of_a_cancelled_saga_is_no_error() -> None:
    reason = Reason(ReasonCode.CANCELLED, "changed my mind", requested_by="c-7")
    trace = project(STARTED, RESERVE_INTENDED, RESERVED, RollbackBegan(1_070_000, reason), *ROLLED_BACK[1:])
    root = only(trace, "saga place_order")
    assert not root.failed
    assert root.attributes["saga.reason"] == "CANCELLED"


def test_an_interrupted_attempt_has_a_span_too() -> None:
    trace = project(
        STARTED,
        RESERVE_INTENDED,
        AttemptFailed(1_015_000, RESERVE, 1, 1_011_000, NO_ANSWER),
        SagaRecovered(5_000_000, "replica-2"),
        CommandCompleted(5_020_000, RESERVE, 3, 5_010_000, b""),
        COMPLETED._replace(at=5_030_000),
    )
    assert_whole(trace)
    interrupted = only(trace, RESERVE_SPAN, 2)
    assert interrupted.span_id == seen_by_participant(RESERVE, 2)
    assert (interrupted.started_at, interrupted.ended_at) == (1_015_000, 5_000_000)
    assert interrupted.failed
    assert interrupted.attributes["saga.outcome"] == "unknown"
    assert interrupted.attributes["saga.interrupted"] is True
    root = only(trace, "saga place_order")
    assert [event.name for event in root.events] == ["saga.recovered"]
    assert root.events[0].attributes == {"saga.owner": "replica-2"}
    assert root.attributes["saga.recovered"] is True


def test_a_settled_command_was_not_interrupted() -> None:
    trace = project(STARTED, RESERVE_INTENDED, RESERVED, SagaRecovered(5_000_000, "replica-2"), COMPLETED)
    only(trace, RESERVE_SPAN, 1)
    assert_whole(trace)


def test_an_interrupted_compensation_has_a_span_with_the_same_link() -> None:
    trace = project(
        STARTED,
        RESERVE_INTENDED,
        RESERVED,
        *ROLLED_BACK[:2],
        SagaRecovered(5_000_000, "replica-2"),
        CompensationCompleted(5_020_000, RESERVE, 2, 5_010_000),
        SagaCompensated(5_030_000),
    )
    assert_whole(trace)
    interrupted, completed = (only(trace, RELEASE_SPAN, attempt) for attempt in (1, 2))
    assert interrupted.attributes["saga.interrupted"] is True
    assert interrupted.links == completed.links != ()


def test_commands_in_doubt_were_awaited_before_the_rollback_began() -> None:
    trace = project(
        STARTED,
        RESERVE_INTENDED,
        AttemptFailed(1_015_000, RESERVE, 1, 1_011_000, NO_ANSWER),
        *ROLLED_BACK[:2],
        SagaRecovered(5_000_000, "replica-2"),
    )
    assert [span.attributes["saga.attempt"] for span in trace if span.name.endswith("ReserveStock")] == [1]


def test_a_suspended_saga_shows_at_once_and_gets_its_root_when_it_ends() -> None:
    suspended = SagaSuspended(1_050_000, Reason(ReasonCode.UNKNOWN, "no answer", RESERVE))
    failed = AttemptFailed(1_015_000, RESERVE, 1, 1_011_000, NO_ANSWER)
    waiting: list[Entry] = [STARTED, RESERVE_INTENDED, failed, suspended]
    assert roots(project(*waiting)) == ()
    trace = project(*waiting, SagaRecovered(5_000_000, "replica-2"), *ROLLED_BACK)
    assert_whole(trace)
    mark = only(trace, "saga suspended")
    assert (mark.started_at, mark.ended_at, mark.failed) == (1_050_000, 1_051_000, True)
    assert mark.attributes["saga.reason"] == "UNKNOWN"
    assert [event.name for event in only(trace, "saga place_order").events] == [
        "saga.suspended",
        "saga.recovered",
        "saga.rollback_began",
    ]
    assert [span.attributes["saga.attempt"] for span in trace if span.name.endswith("ReserveStock")] == [1]


def test_every_suspension_has_a_span_of_its_own() -> None:
    trace = project(
        STARTED,
        RESERVE_INTENDED,
        RESERVED,
        *ROLLED_BACK[:2],
        CompensationRejected(1_100_000, RESERVE, 1, 1_090_000, REFUSAL),
        SagaSuspended(1_110_000, REJECTED),
        SagaRecovered(5_000_000, "replica-2"),
        CompensationRejected(5_020_000, RESERVE, 3, 5_010_000, REFUSAL),
        SagaSuspended(5_030_000, REJECTED),
    )
    assert len({span.span_id for span in trace if span.name == "saga suspended"}) == 2
    assert [span.attributes["saga.attempt"] for span in trace if span.name.endswith("ReleaseStock")] == [1, 3]


def test_an_outcome_found_by_a_verify_query_is_an_event_and_not_a_second_span() -> None:
    trace = project(
        STARTED,
        RESERVE_INTENDED,
        AttemptFailed(1_015_000, RESERVE, 1, 1_011_000, NO_ANSWER),
        CommandCompleted(1_030_000, RESERVE, 1, 1_011_000, b"reply"),
        COMPLETED,
    )
    assert_whole(trace)
    assert only(trace, RESERVE_SPAN, 1).attributes["saga.outcome"] == "unknown"
    (settled,) = only(trace, "saga place_order").events
    assert (settled.name, settled.at) == ("saga.settled", 1_030_000)
    assert settled.attributes == {"saga.step": RESERVE, "saga.outcome": "completed"}


def test_a_callers_trace_is_continued() -> None:
    started = STARTED._replace(traceparent=f"00-{CALLER_TRACE}-{CALLER_SPAN}-01")
    trace = project(started, RESERVE_INTENDED, RESERVED, COMPLETED)
    assert {span.trace_id for span in trace} == {CALLER_TRACE}
    root = only(trace, "saga place_order")
    assert root.parent_id == CALLER_SPAN
    assert {span.parent_id for span in trace if span is not root} == {root.span_id}


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_second_projection_is_identical(cut: int) -> None:
    journal: list[Entry] = [STARTED, RESERVE_INTENDED, RESERVED, PRICE_INTENDED]
    journal += [CommandRefused(1_060_000, PRICE, 1, 1_050_000, REFUSAL), *ROLLED_BACK]
    assert project(*journal)[: len(project(*journal[:cut]))] == project(*journal[:cut])


def test_two_sagas_have_two_traces() -> None:
    (one,), (other,) = project(STARTED, saga_id="order-1"), project(STARTED, saga_id="order-2")
    assert one.trace_id != other.trace_id


def test_requests_and_replies_do_not_show() -> None:
    trace = project(
        STARTED._replace(input=b"4_111_000-1_111_000"),
        RESERVE_INTENDED._replace(request=b"4_111_000-1_111_000"),
        RESERVED._replace(reply=b"4_111_000-1_111_000"),
        COMPLETED._replace(result=b"4_111_000-1_111_000"),
    )
    assert "4_111_000" not in repr(trace)


def test_a_page_of_an_error_message_is_cut() -> None:
    failure = Failure(StatusCode.UNKNOWN, "<html>" * 1000)
    trace = project(STARTED, PRICE_INTENDED, AttemptFailed(1_060_000, PRICE, 1, 1_050_000, failure))
    assert len(only(trace, "shop.pricing.v1.PricingService/PriceOrder", 1).description) == 1024


def test_attempts_are_numbered_as_the_journal_numbers_them() -> None:
    journal: list[Entry] = [
        STARTED,
        RESERVE_INTENDED,
        RESERVED,
        *ROLLED_BACK[:2],
        SagaRecovered(5_000_000, "replica-2"),
    ]
    state = fold("order-1", journal)
    assert state.commands[RESERVE].attempts == 1
    assert state.compensation(RESERVE).attempts == 1
    only(project(*journal), RELEASE_SPAN, state.compensation(RESERVE).attempts)


def test_a_span_takes_a_microsecond_at_least_also_where_the_clock_is_set_back() -> None:
    an_hour_earlier = 1_030_000 - 3600 * 1_000_000_000
    answered = RESERVED._replace(at=an_hour_earlier)
    trace = project(STARTED, RESERVE_INTENDED, answered, COMPLETED._replace(at=an_hour_earlier))
    assert [span.ended_at - span.started_at for span in trace] == [1_000, 1_000, 1_000]


def test_an_attempt_says_where_its_participant_was_called() -> None:
    addresses = {"shop.inventory.v1.InventoryService": "[::1]:50103"}
    trace = SagaTrace("order-1", STARTED, addresses)
    spans = [span for entry in (STARTED, RESERVE_INTENDED, RESERVED) for span in trace.project(entry)]
    attempt = read_span(trace_pb2.Span.FromString(spans[-1]), "orchestrator")
    assert (attempt.attributes["server.address"], attempt.attributes["server.port"]) == ("::1", 50103)


def test_a_completed_child_that_is_rolled_back_with_its_parent_keeps_one_root() -> None:
    trace = project(
        STARTED,
        COMPLETED,
        RollbackBegan(1_080_000, Reason(ReasonCode.CANCELLED, "its parent")),
        SagaCompensated(1_090_000),
    )

    assert [span.name for span in roots(trace)] == ["saga place_order"]
    mark = only(trace, "saga rolled back")
    assert mark.attributes["saga.status"] == "compensated"
    assert_whole(trace)


def test_every_class_of_entry_has_its_projection() -> None:
    assert set(SagaTrace._PROJECTIONS) == set(get_args(Entry))
