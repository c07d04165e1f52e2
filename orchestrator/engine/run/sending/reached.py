"""Whether an attempt has found its participant, or the queue before it: what the circuit breaker is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.run.sending.queued_attempts import Resting
from orchestrator.journal.outcome import Unknown

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Failure, Outcome


def nobody_there(failure: Failure) -> bool:
    """The transport found no participant: one that says UNAVAILABLE of itself gives a reason."""
    return failure.code is StatusCode.UNAVAILABLE and not failure.reason


def reached(outcome: Outcome | Resting) -> bool:
    """Whether somebody was there, whatever the answer; one that rests has been taken by its queue, or not yet."""
    if isinstance(outcome, Resting):
        return outcome.attempt.is_queued
    return not (isinstance(outcome, Unknown) and nobody_there(outcome.failure))
