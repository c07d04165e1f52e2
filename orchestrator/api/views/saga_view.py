"""A saga's state as the API's messages. What the contracts mark ``debug_redact`` is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orchestrator.api.views.failure_view import status_of
from orchestrator.api.views.journal_view import pack, shown
from orchestrator.api.views.reason_view import reason_view
from orchestrator.api.views.timestamps import duration, timestamp
from orchestrator.journal.progress import steps
from orchestrator.journal.trace_ids import trace_id
from saga.v1 import saga_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.engine.sagas import Served, Waiting
    from orchestrator.journal.progress import Step
    from orchestrator.journal.reason import Reason
    from orchestrator.journal.state import CompensationState, SagaState, Status
    from orchestrator.ports.catalogue import SagaRecord


def saga_view(
    state: SagaState,
    served: Served | None,
    waiting: Iterable[Waiting] = (),
    steps_seen: Callable[[Step], saga_pb2.Step] | None = None,
) -> saga_pb2.Saga:
    """The saga with its steps; its input and result decoded where its definition is served.

    Args:
        state: of the saga.
        served: its definition, where it is served.
        waiting: what it waits for, where it is advanced here.
        steps_seen: shows a step; for a watcher, which shows the same saga again and again.
    """
    view = feed_view(state, waiting)
    view.steps.extend(step_views(state, served, steps_seen))
    if served is None:
        return view
    payload, _ = shown(served.definition.input, state.input)
    if payload is not None:
        view.input.CopyFrom(pack(payload))
    if state.result is not None:
        payload, _ = shown(served.definition.result, state.result)
        if payload is not None:
            view.result.CopyFrom(pack(payload))
    return view


def feed_view(state: SagaState, waiting: Iterable[Waiting] = ()) -> saga_pb2.Saga:
    """The saga as the feed shows it: without input, result and steps."""
    return saga_pb2.Saga(
        saga_id=state.saga_id,
        definition=state.definition,
        version=state.version,
        status=status_view(state.status),
        started_at=timestamp(state.started_at),
        ended_at=None if state.ended_at is None else timestamp(state.ended_at),
        reason=reason_view(state.reason),
        trace_id=trace_id(state.saga_id, state.traceparent),
        attributes=dict(state.attributes),
        deadline_at=timestamp(state.deadline_at) if state.deadline_at else None,
        overdue=state.overdue,
        parent_id=state.parent_id,
        waiting=map(waiting_view, waiting),
    )


def record_view(record: SagaRecord, reason: Reason | None = None, waiting: Iterable[Waiting] = ()) -> saga_pb2.Saga:
    """The saga as a list shows it: without input, result and steps.

    Args:
        record: the saga.
        reason: why it is suspended or goes back, where it is known.
        waiting: what it waits for, where it is advanced here.
    """
    return saga_pb2.Saga(
        saga_id=record.saga_id,
        definition=record.definition,
        version=record.version,
        status=status_view(record.status),
        started_at=timestamp(record.started_at),
        ended_at=None if record.ended_at is None else timestamp(record.ended_at),
        attributes=dict(record.attributes),
        reason=reason_view(reason),
        waiting=map(waiting_view, waiting),
    )


def status_view(status: Status | None) -> saga_pb2.Status.ValueType:
    """Where a saga stands; the numbers are the same."""
    assert status is not None
    return cast("saga_pb2.Status.ValueType", status.value)


def step_views(
    state: SagaState, served: Served | None, steps_seen: Callable[[Step], saga_pb2.Step] | None = None
) -> list[saga_pb2.Step]:
    """Every step done, in progress, not yet begun and compensated."""
    return [(steps_seen or step_view)(step) for step in steps(state, served.plan if served else None)]


def waiting_view(waiting: Waiting) -> saga_pb2.Waiting:
    """What a saga waits for at this moment."""
    return saga_pb2.Waiting(
        reason=waiting.reason.value,  # type: ignore[arg-type]  # the numbers are the same
        step_key=waiting.key,
        service=waiting.service,
        attempt=waiting.attempt,
        since=timestamp(waiting.since),
        until=timestamp(waiting.until) if waiting.until else None,
        error=None if waiting.failure is None else status_of(waiting.failure),
        signal=waiting.signal,
        message_type=waiting.message_type,
    )


def step_view(step: Step) -> saga_pb2.Step:
    """One step."""
    command = step.command
    began, ended = (command.intended_at, command.ended_at) if command else (None, None)
    view = saga_pb2.Step(
        method=step.method,
        effect=step.effect.value,  # type: ignore[arg-type]  # the numbers are the same
        state=step.state.value,  # type: ignore[arg-type]  # the numbers are the same
        conditional=step.conditional,
        best_effort=step.best_effort,
        key=command.key if command else "",
        attempts=command.attempts if command else 0,
        started_at=None if began is None else timestamp(began),
        ended_at=None if ended is None else timestamp(ended),
        duration=None if began is None or ended is None else duration(ended - began),
    )
    if command is None:
        return view
    if command.failure is not None and command.reply is None:
        view.error.CopyFrom(status_of(command.failure))
    if command.compensation is not None:
        view.compensation.CopyFrom(_compensation_view(command.compensation))
    return view


def _compensation_view(compensation: CompensationState) -> saga_pb2.Compensation:
    ended = compensation.ended_at is not None
    return saga_pb2.Compensation(
        method=compensation.method,
        attempts=compensation.attempts,
        started_at=timestamp(compensation.sent_at) if compensation.sent_at is not None else None,
        ended_at=timestamp(compensation.ended_at) if compensation.ended_at is not None else None,
        error=status_of(compensation.failure) if compensation.failure is not None and not ended else None,
        position=compensation.position,
    )
