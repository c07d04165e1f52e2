"""About one bulk act."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class BulkActError(OrchestratorError):
    """About one bulk act.

    Attributes:
        bulk_id: the bulk act.
    """

    def __init__(self, bulk_id: str, message: str) -> None:
        self.bulk_id = bulk_id
        super().__init__(message)


class BulkActNotFound(BulkActError):
    """There is no such bulk act, or it was deleted because it is old."""

    def __init__(self, bulk_id: str) -> None:
        super().__init__(bulk_id, f"there is no bulk act {bulk_id!r}; old ones are deleted")


class BulkActRefused(BulkActError):
    """The bulk act is not in a state in which this can be done to it.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``NOT_PREPARED``.
    """

    def __init__(self, bulk_id: str, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(bulk_id, message)
