"""What the journal cannot do, or the archive of what is deleted from it."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class ArchiveUnavailable(OrchestratorError):
    """The journals of sagas to be deleted cannot be kept, and so none is deleted; the message says what to do."""


class JournalError(OrchestratorError):
    """The journal could not take an entry."""


class ClaimLost(JournalError):
    """Another replica advances the saga now; nothing was written."""


class SequenceConflict(JournalError):
    """The journal is not where the writer believes it to be; nothing was written."""


class JournalsDiffer(JournalError):
    """A copy of a journal holds something else of a saga than the journal does; neither was changed.

    Attributes:
        saga_id: the saga.
    """

    def __init__(self, saga_id: str, how: str) -> None:
        self.saga_id = saga_id
        super().__init__(f"the two journals differ about saga {saga_id}: {how}")


class EntriesUnwritable(JournalError):
    """What is to be written can never be, in this store or in any: a text or a number without a form. Nothing was."""


class JournalUnavailable(JournalError):
    """The store cannot be reached, opened or written; the message says what to do."""


class NobodyAnswers(JournalUnavailable):
    """No process takes what is asked of a saga: it may be done later, or not."""
