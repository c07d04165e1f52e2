"""What a store says of an append that it refuses. Of every store, an operator reads the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import ClaimLost, SagaExists, SequenceConflict

if TYPE_CHECKING:
    from orchestrator.ports.journal import Append


def saga_exists(append: Append) -> SagaExists:
    """It would start a saga, and there is one of this id."""
    return SagaExists(append.saga_id, f"there is a saga {append.saga_id} already")


def claim_lost(append: Append) -> ClaimLost:
    """Its owner and token are not those of the saga's latest claim."""
    return ClaimLost(f"saga {append.saga_id} is advanced by another replica")


def sequence_conflict(append: Append, held: int) -> SequenceConflict:
    """It expects another number of entries than the saga holds."""
    return SequenceConflict(f"saga {append.saga_id} holds {held} entries, not {append.expected_sequence}")


def new_and_not_empty(append: Append) -> SequenceConflict:
    """It would start a saga, and expects entries to be there."""
    return SequenceConflict(f"saga {append.saga_id} is new, it holds no {append.expected_sequence} entries")
