"""A suspension is told where operators look: in the log, with the reason and with what to type next."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from orchestrator.journal.logged import about_saga
from orchestrator.journal.reason import ReasonCode

if TYPE_CHECKING:
    from orchestrator.journal.reason import Reason
    from orchestrator.journal.state import SagaState

_log = logging.getLogger(__name__)

# What goes on once the cause is gone, and what decides in the participant's place.
_RESUME: Final = "once that is mended: orchestrator resume {saga_id}"
_RESOLVE: Final = "orchestrator resolve {saga_id} {step} --took-effect|--no-effect --evidence ..."
_UNDONE: Final = "orchestrator resolve {saga_id} {step} --compensated --evidence ..."
_NEXT: Final = {
    ReasonCode.PAUSED: "orchestrator resume {saga_id}",
    ReasonCode.UNKNOWN: _RESOLVE,
    ReasonCode.REJECTED_AFTER_PIVOT: _RESOLVE,
    ReasonCode.COMPENSATION_REJECTED: _UNDONE,
    ReasonCode.EFFECT_STANDS: "orchestrator preview {saga_id}",
    ReasonCode.ENGINE_FAILED: "orchestrator journal {saga_id}",
}


def next_command(saga_id: str, reason: Reason) -> str:
    """What an operator types next about a saga that is suspended for this reason."""
    # Without a step there is none to resolve: the page tells which ones there are.
    fitting = _NEXT.get(reason.code, _RESUME)
    if "{step}" in fitting and not reason.step_key:
        fitting = "orchestrator show {saga_id}"
    return fitting.format(saga_id=saga_id, step=reason.step_key)


def tell_suspended(state: SagaState, reason: Reason) -> None:
    """Say in the log that a saga waits for an operator. Its suspension is durable."""
    _log.warning(
        "saga %s (%s v%d) is suspended because of %s: %s; next: %s",
        state.saga_id,
        state.definition,
        state.version,
        reason.code,
        reason.message,
        next_command(state.saga_id, reason),
        extra=about_saga(state),
    )
