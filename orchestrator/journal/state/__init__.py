"""The state of a saga, which follows from its entries alone: where it stands, and how far its commands have come."""

from __future__ import annotations

from orchestrator.journal.state.deliveries import (
    CommandState,
    CompensationState,
    Delivery,
    InQueue,
    Interrupted,
    StepOutcome,
)
from orchestrator.journal.state.saga import Queued, SagaState
from orchestrator.journal.state.status import CAUSED, CLAIMABLE, ENDED, UNFINISHED, Status

__all__ = [
    "CAUSED",
    "CLAIMABLE",
    "ENDED",
    "UNFINISHED",
    "CommandState",
    "CompensationState",
    "Delivery",
    "InQueue",
    "Interrupted",
    "Queued",
    "SagaState",
    "Status",
    "StepOutcome",
]
