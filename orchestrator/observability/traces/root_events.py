"""The events of a saga's root span: what is told of a saga that has no span of its own, each from one entry."""

# ruff: noqa: D103 - each function makes the event of the entry that its type names

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.observability import names
from orchestrator.observability.traces.spans import event

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from orchestrator.journal import entries as e
    from orchestrator.journal.reason import Reason
    from orchestrator.observability.traces.wire import Value


def command_queued(entry: e.CommandQueued) -> Span.Event:
    about: dict[str, Value] = {names.SAGA_STEP: entry.key, names.SAGA_ATTEMPT: entry.attempt}
    return event(names.COMMAND_QUEUED_EVENT, entry.at, about)


def rollback_began(entry: e.RollbackBegan) -> Span.Event:
    return event(names.ROLLBACK_BEGAN_EVENT, entry.at, about_reason(entry.reason))


def recovered(entry: e.SagaRecovered) -> Span.Event:
    return event(names.RECOVERED_EVENT, entry.at, {names.SAGA_OWNER: entry.owner})


def suspended(entry: e.SagaSuspended) -> Span.Event:
    return event(names.SUSPENDED_EVENT, entry.at, about_reason(entry.reason))


def resumed(entry: e.SagaResumed) -> Span.Event:
    return event(names.RESUMED_EVENT, entry.at, about_reason(entry.reason))


def acted(entry: e.OutcomeResolved | e.CompensationSkipped | e.CompensationResolved | e.RetryRequested) -> Span.Event:
    about = {**about_reason(entry.reason), names.SAGA_REQUESTED_BY: entry.reason.requested_by}
    return event(names.OPERATOR_ACTED_EVENT, entry.at, about)


def deadline_passed(entry: e.DeadlinePassed) -> Span.Event:
    return event(names.DEADLINE_PASSED_EVENT, entry.at, {})


def queued(entry: e.SagaQueued) -> Span.Event:
    return event(names.QUEUED_EVENT, entry.at, {names.SAGA_PRIORITY: entry.priority.name.lower()})


def admitted(entry: e.SagaAdmitted) -> Span.Event:
    return event(names.ADMITTED_EVENT, entry.at, {names.SAGA_OWNER: entry.owner})


def published(entry: e.EventPublished) -> Span.Event:
    about: dict[str, Value] = {names.SAGA_STEP: entry.key, names.EVENT_TYPE: entry.type}
    return event(names.PUBLISHED_EVENT, entry.at, about)


def signal_received(entry: e.SignalReceived) -> Span.Event:
    about: dict[str, Value] = {names.SAGA_SIGNAL: entry.name, names.SAGA_REQUESTED_BY: entry.requested_by.name}
    return event(names.SIGNAL_EVENT, entry.at, about)


def parked(entry: e.SagaParked) -> Span.Event:
    return event(names.PARKED_EVENT, entry.at, {})


def woken(entry: e.SagaWoken) -> Span.Event:
    return event(names.WOKEN_EVENT, entry.at, {names.SAGA_OWNER: entry.owner})


def about_reason(reason: Reason) -> dict[str, Value]:
    """The attributes that tell a reason, of an event or of a span."""
    about: dict[str, Value] = {names.SAGA_REASON: reason.code, names.SAGA_REASON_MESSAGE: reason.message}
    return {**about, names.SAGA_STEP: reason.step_key} if reason.step_key else about
