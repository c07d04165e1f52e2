"""About one saga."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.errors.base import OrchestratorError


class SagaError(OrchestratorError):
    """About one saga.

    Attributes:
        saga_id: the saga.
    """

    def __init__(self, saga_id: str, message: str) -> None:
        self.saga_id = saga_id
        super().__init__(message)


class SagaNotFound(SagaError):
    """There is no such saga."""

    def __init__(self, saga_id: str) -> None:
        super().__init__(saga_id, f"there is no saga {saga_id!r}")


class SagaExists(SagaError):
    """The request id was used before, with another content."""


class SagaDeleted(SagaExists):
    """The request id was used before: the saga has ended, and retention has deleted it. It is not started again.

    Attributes:
        status: how it had ended, such as ``completed``.
        ended_at: and when, nanoseconds since the epoch, UTC.
        deleted_at: when it was deleted.
    """

    def __init__(self, saga_id: str, status: str, ended_at: int, deleted_at: int) -> None:
        self.status = status
        self.ended_at = ended_at
        self.deleted_at = deleted_at
        super().__init__(
            saga_id,
            f"saga {saga_id} was started by this request before: it was {status} at {_shown(ended_at)}, and retention "
            f"has deleted it at {_shown(deleted_at)}; it is not started again, use a new request id for a new saga",
        )


class SagaNotCompleted(SagaError):
    """A saga whose result was waited for has none: it was rolled back, is suspended, or still runs.

    Attributes:
        status: where it stands, such as ``compensated``.
    """

    def __init__(self, saga_id: str, status: str, reason: str) -> None:
        self.status = status
        super().__init__(saga_id, f"saga {saga_id} is {status}{f': {reason}' if reason else ''}")


def _shown(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).isoformat()
