"""What a record of the log says of the saga that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.journal.trace_ids import ROOT, attempt_traceparent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.journal.state import SagaState

SAGA_ID: Final = "saga_id"
TRACEPARENT: Final = "saga_traceparent"


def about_saga(state: SagaState) -> Mapping[str, str]:
    """What ``extra`` of a record takes: ``_log.warning(..., extra=about_saga(state))``."""
    return {SAGA_ID: state.saga_id, TRACEPARENT: root_traceparent(state)}


def about_saga_id(saga_id: str) -> Mapping[str, str]:
    """The same where nothing else is known of the saga."""
    return {SAGA_ID: saga_id}


def root_traceparent(state: SagaState) -> str:
    """The trace context of a saga's root span; where the saga is not exported, that of its caller, or empty."""
    return attempt_traceparent(state.saga_id, state.traceparent, state.sampled, ROOT, 0)
