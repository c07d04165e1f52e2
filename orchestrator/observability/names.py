"""Every name under which something can be seen from outside: dashboards and alerts depend on them.

A name of the OpenTelemetry semantic conventions is used where there is one, of the same version as in the services'
server spans, so that one trace has one set of names. Our own names begin with ``saga``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

SERVICE: Final = "orchestrator"
"""The service, where neither ``OTEL_SERVICE_NAME`` nor ``OTEL_RESOURCE_ATTRIBUTES`` names it."""
DISTRIBUTION: Final = "saga-orchestrator"
"""What is installed: its version is that of the service."""
SCOPE: Final = "orchestrator"
"""The instrumentation scope of all our spans."""

SAMPLED_SPAN: Final = "saga"
"""The name that samplers are shown: whether a saga is traced does not depend on its definition."""


# Spans.


def root_span(definition: str) -> str:
    """The whole saga, from its start to its end, such as ``saga place_order``."""
    return f"saga {definition}"


def attempt_span(method: str) -> str:
    """One attempt of a command or a compensation, such as ``shop.inventory.v1.InventoryService/ReserveStock``."""
    return rpc_method(method)


def wait_span(what: str) -> str:
    """What the code waited for, such as ``wait sleep``, ``wait signal:approval`` or ``wait timeout``."""
    return f"wait {what}"


@lru_cache(maxsize=1024)
def rpc_method(method: str) -> str:
    """The full name of an rpc as tools write it: with a slash behind the service."""
    service, _, rpc = method.rpartition(".")
    return f"{service}/{rpc}"


STARTED_SPAN: Final = "saga started"
"""Without duration, sent at once: a saga that takes days can be found from its first second."""
SUSPENDED_SPAN: Final = "saga suspended"
"""Without duration, sent at once: the saga waits for an operator, and may yet go on."""
ROLLED_BACK_SPAN: Final = "saga rolled back"
"""Without duration: a child that had completed, and has its root span, was rolled back with its parent."""

# Events of the root span.
ROLLBACK_BEGAN_EVENT: Final = "saga.rollback_began"
"""From here on the saga only compensates; with the reason."""
RECOVERED_EVENT: Final = "saga.recovered"
"""A replica took the saga over; with its name."""
SUSPENDED_EVENT: Final = "saga.suspended"
"""The saga waited for an operator; with the reason."""
RESUMED_EVENT: Final = "saga.resumed"
"""An operator let the saga go on; with the reason."""
OPERATOR_ACTED_EVENT: Final = "saga.operator_acted"
"""An operator resolved an outcome, skipped a compensation or asked for an attempt at once; with who and why."""
DEADLINE_PASSED_EVENT: Final = "saga.deadline_passed"
"""The deadline passed after the pivot; the saga kept going."""
PARKED_EVENT: Final = "saga.parked"
"""The saga waits for long, and was taken out of memory."""
WOKEN_EVENT: Final = "saga.woken"
"""A replica goes on with a parked saga; with its name."""
SIGNAL_EVENT: Final = "saga.signal_received"
"""Somebody gave the saga a signal; with its name, and who did."""
COMMAND_QUEUED_EVENT: Final = "saga.command_queued"
"""A queue holds a command, and its answer was not there after a moment; with the step and the attempt."""
QUEUED_EVENT: Final = "saga.queued"
"""There was no room for the saga when it was started; with its priority."""
ADMITTED_EVENT: Final = "saga.admitted"
"""The turn of the queued saga came; with the replica that began it."""
PUBLISHED_EVENT: Final = "saga.event_published"
"""On the root span: the saga's code published an event; it is told unless the saga rolls back."""
SETTLED_EVENT: Final = "saga.settled"
"""The outcome of a command became known after its last attempt had ended: a verify query or an operator told it."""

# Attributes of the semantic conventions.
RPC_SYSTEM: Final = "rpc.system.name"
"""What the contract speaks, whatever carries it."""
GRPC: Final = "grpc"
"""It speaks nothing else."""
RPC_METHOD: Final = "rpc.method"
"""The full name of the rpc, such as ``shop.inventory.v1.InventoryService/ReserveStock``."""
RPC_STATUS: Final = "rpc.response.status_code"
"""The gRPC status by name, such as ``OK`` or ``DEADLINE_EXCEEDED``."""
SERVER_ADDRESS: Final = "server.address"
"""The host at which the participant is called."""
SERVER_PORT: Final = "server.port"
"""Its port."""
ERROR_TYPE: Final = "error.type"
"""On a failed attempt the gRPC status by name or ``INTERRUPTED``; on a saga the reason's code."""

# Attributes of a saga: on its root, and on the spans that stand for it before it ends.
SAGA_ID: Final = "saga.id"
"""The saga; on every span."""
SAGA_DEFINITION: Final = "saga.definition"
"""The name of its definition; on every span."""
SAGA_VERSION: Final = "saga.version"
"""The version of its definition."""
SAGA_STATUS: Final = "saga.status"
"""How it ended: ``completed`` or ``compensated``."""
SAGA_REASON: Final = "saga.reason"
"""The code of the reason for a rollback or a suspension, such as ``REJECTED``."""
SAGA_REASON_MESSAGE: Final = "saga.reason.message"
"""That reason in a sentence."""
SAGA_REQUESTED_BY: Final = "saga.requested_by"
"""Who asked for what happened."""
SAGA_OWNER: Final = "saga.owner"
"""The replica that took the saga over, or that goes on with it after it was parked."""
SAGA_PRIORITY: Final = "saga.priority"
"""Of a saga that was queued: ``low``, ``normal`` or ``high``."""
SAGA_RECOVERED: Final = "saga.recovered"
"""True on the root of a saga that was taken over at least once."""
SAGA_FAILED_COMMAND: Final = "saga.failed_command"
"""On the root of a saga that was rolled back, and on a suspension, where an rpc gave rise to it: its full name."""
SAGA_ATTRIBUTE: Final = "saga.attribute."
"""Prefix of the values by which the saga can be listed, such as ``saga.attribute.customer_id``."""

# Attributes of a wait.
SINK: Final = "saga.sink"
"""The name of a sink, whom events are told."""
EVENT_TYPE: Final = "saga.event_type"
"""The full name of an event's message."""
SAGA_SIGNAL: Final = "saga.signal"
"""The name of the signal that is waited for, or that was received."""
SAGA_WAIT_END: Final = "saga.wait.end"
"""``due``, ``signal`` or ``left``: the time came, the signal came, or the code waited no more."""

# Attributes of an attempt.
SAGA_STEP: Final = "saga.step"
"""The key of the command or compensation, such as ``InventoryService.ReserveStock#1``."""
SAGA_ATTEMPT: Final = "saga.attempt"
"""Which attempt it was, from 1."""
SAGA_OUTCOME: Final = "saga.outcome"
"""``completed``, ``rejected`` or ``unknown``."""
SAGA_IDEMPOTENCY_KEY: Final = "saga.idempotency_key"
"""What the participant saw: the same on every attempt."""
SAGA_EFFECT: Final = "saga.effect"
"""``query``, ``compensable``, ``pivot`` or ``retryable``; not on compensations."""
SAGA_BEST_EFFORT: Final = "saga.best_effort"
"""True where the saga goes on without it."""
SAGA_COMPENSATES: Final = "saga.compensates"
"""On a compensation, the key of the command that it undoes; a link leads to that command's latest attempt."""
SAGA_INTERRUPTED: Final = "saga.interrupted"
"""True where the process ended during the attempt, so that nobody saw its outcome."""

INTERRUPTED: Final = "INTERRUPTED"
"""The error type of an interrupted attempt."""
LEFT_IN_QUEUE: Final = "LEFT_IN_QUEUE"
"""The error type of an attempt that a queue held when the saga went back."""

# Fields of a record of the log, beside ``saga.id``.
LOGGED_TRACE: Final = "trace_id"
LOGGED_SPAN: Final = "span_id"
LOGGED_REPLICA: Final = "saga.replica"
"""Which of several replicas on one port wrote it, from 1."""

# Metrics; what each counts, in which unit and by which attributes, instruments.py says.
SAGAS_STARTED: Final = "saga.started"
SAGAS_ENDED: Final = "saga.ended"
SAGA_DURATION: Final = "saga.duration"
SAGAS_SUSPENDED: Final = "saga.suspended"
SAGAS_ROLLED_BACK: Final = "saga.rolled_back"
COMMAND_DURATION: Final = "rpc.client.call.duration"
COMMAND_RETRIES: Final = "saga.command.retries"
COMPENSATIONS: Final = "saga.compensations"
CLAIMS: Final = "saga.claims"
CLAIMS_LOST: Final = "saga.lost_claims"
TIMER_LAG: Final = "saga.timer.lag"
SIGNAL_LAG: Final = "saga.signal.lag"
COMMIT_DURATION: Final = "saga.journal.commit.duration"
COMMIT_SIZE: Final = "saga.journal.commit.size"
SAGAS_LIVE: Final = "saga.live"
SAGAS_OPEN: Final = "saga.open"
SAGAS_OLDEST: Final = "saga.oldest.age"
SAGAS_QUEUED: Final = "saga.queued"
SAGAS_UNCLAIMED: Final = "saga.unclaimed"
EVENTS_BEHIND: Final = "saga.events.behind"
EVENTS_LAG: Final = "saga.events.lag"
EVENTS_FAILING: Final = "saga.events.failing_duration"
EVENTS_BLOCKED: Final = "saga.events.blocked"
EVENTS_DEAD: Final = "saga.events.dead_letters"
SAGAS_RECOVERING: Final = "saga.recovery.remaining"
CIRCUIT_OPEN: Final = "saga.circuit.open"
CIRCUIT_OPEN_DURATION: Final = "saga.circuit.open_duration"
CALLS_IN_FLIGHT: Final = "saga.calls.in_flight"
CALLS_WAITING: Final = "saga.calls.waiting"

# Attributes of metrics alone.
CLAIM_REASON: Final = "saga.claim.reason"
"""Why a replica advances the saga: ``started``, ``recovered``, ``woken`` or ``admitted``."""
PARTICIPANT: Final = "saga.participant"
"""The full name of the participant's service."""
