"""The entries of the journal: what happened, in the past tense, one class each.

An entry knows how it changes the state of its saga (``apply``); the state is the fold of the entries.
Instants (``at``, ``started_at``) are nanoseconds since the epoch, UTC, as OTLP and the stores keep them; the
edges convert. ``key`` is the key of a command within its saga. An entry's place in the journal is its sequence,
from 1; it is not part of the entry.
"""

from __future__ import annotations

from typing import TypeAlias

from orchestrator.journal.entries.commands import (
    AttemptFailed,
    CommandAbandoned,
    CommandCompleted,
    CommandIntended,
    CommandQueued,
    CommandRefused,
)
from orchestrator.journal.entries.compensations import CompensationBegan, CompensationCompleted, CompensationRejected
from orchestrator.journal.entries.decisions import (
    ActProposed,
    CompensationResolved,
    CompensationSkipped,
    OutcomeResolved,
    RetryRequested,
    SagaResumed,
)
from orchestrator.journal.entries.events import EventPublished, EventsHandedOn
from orchestrator.journal.entries.sagas import (
    DeadlinePassed,
    RollbackBegan,
    SagaAdmitted,
    SagaCompensated,
    SagaCompleted,
    SagaPartiallyCompensated,
    SagaQueued,
    SagaRecovered,
    SagaStarted,
    SagaSuspended,
    ValueRecorded,
)
from orchestrator.journal.entries.waits import SagaParked, SagaWoken, SignalReceived, WaitBegan, WaitEnded

__all__ = [
    "ActProposed",
    "AttemptFailed",
    "CommandAbandoned",
    "CommandCompleted",
    "CommandIntended",
    "CommandQueued",
    "CommandRefused",
    "CompensationBegan",
    "CompensationCompleted",
    "CompensationRejected",
    "CompensationResolved",
    "CompensationSkipped",
    "DeadlinePassed",
    "Entry",
    "EventPublished",
    "EventsHandedOn",
    "OutcomeResolved",
    "RetryRequested",
    "RollbackBegan",
    "SagaAdmitted",
    "SagaCompensated",
    "SagaCompleted",
    "SagaParked",
    "SagaPartiallyCompensated",
    "SagaQueued",
    "SagaRecovered",
    "SagaResumed",
    "SagaStarted",
    "SagaSuspended",
    "SagaWoken",
    "SignalReceived",
    "ValueRecorded",
    "WaitBegan",
    "WaitEnded",
]

Entry: TypeAlias = (
    SagaStarted
    | CommandIntended
    | CommandQueued
    | AttemptFailed
    | CommandCompleted
    | CommandRefused
    | CommandAbandoned
    | RollbackBegan
    | CompensationBegan
    | CompensationCompleted
    | CompensationRejected
    | SagaRecovered
    | SagaCompleted
    | SagaCompensated
    | SagaSuspended
    | SagaResumed
    | OutcomeResolved
    | CompensationSkipped
    | CompensationResolved
    | SagaPartiallyCompensated
    | RetryRequested
    | DeadlinePassed
    | ValueRecorded
    | WaitBegan
    | SignalReceived
    | WaitEnded
    | SagaParked
    | SagaWoken
    | SagaQueued
    | SagaAdmitted
    | ActProposed
    | EventPublished
    | EventsHandedOn
)
