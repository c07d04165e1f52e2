"""What a store says of an append that it refuses. Of every store, an operator reads the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import ClaimLost, EntriesUnwritable, SagaDeleted, SagaExists, SequenceConflict

if TYPE_CHECKING:
    from orchestrator.ports.journal import Append
    from orchestrator.ports.retention import Tombstone


def saga_exists(append: Append) -> SagaExists:
    """It would start a saga, and there is one of this id."""
    return SagaExists(append.saga_id, f"there is a saga {append.saga_id} already")


def saga_deleted(append: Append, kept: Tombstone) -> SagaDeleted:
    """It would start a saga, and one of this id was there and is deleted."""
    status = kept.status.name.lower().replace("_", " ")
    return SagaDeleted(append.saga_id, status, kept.ended_at, kept.deleted_at)


def claim_lost(append: Append) -> ClaimLost:
    """Its owner and token are not those of the saga's latest claim."""
    return ClaimLost(f"saga {append.saga_id} is advanced by another replica")


def sequence_conflict(append: Append, held: int) -> SequenceConflict:
    """It expects another number of entries than the saga holds."""
    return SequenceConflict(f"saga {append.saga_id} holds {held} entries, not {append.expected_sequence}")


def new_and_not_empty(append: Append) -> SequenceConflict:
    """It would start a saga, and expects entries to be there."""
    return SequenceConflict(f"saga {append.saga_id} is new, it holds no {append.expected_sequence} entries")


def entries_unwritable(error: Exception) -> EntriesUnwritable:
    """The store has no form for something in it, as the error says, and never will have."""
    return EntriesUnwritable(f"the journal has no form for what is to be written: {error}; nothing of it was written")
