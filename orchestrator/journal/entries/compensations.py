"""What happens to a compensation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.journal.outcome import Failure  # noqa: TC001 - as the types of all fields, it can be read at run time

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState


class CompensationBegan(NamedTuple):
    """A compensation is intended: it is sent once those before it have succeeded. Durable before the first leaves.

    Attributes:
        method: the full name of the compensating rpc.
        request: its serialized request, sent like this on every attempt; ``None`` in journals of earlier versions.
    """

    at: int
    key: str
    method: str
    request: bytes | None = None

    def apply(self, state: SagaState) -> None:
        """The command's effect has its place in the rollback."""
        state.intend_compensation(self.key, self.method, self.at, self.request)


class CompensationCompleted(NamedTuple):
    """The effect of the command with this key is compensated."""

    at: int
    key: str
    attempt: int
    started_at: int

    def apply(self, state: SagaState) -> None:
        """The command has no effect any more."""
        compensation = state.compensation(self.key)
        compensation.attempts = self.attempt
        compensation.in_queue = None
        compensation.interrupted = None
        compensation.note_sent(self.started_at)
        compensation.ended_at = self.at


class CompensationRejected(NamedTuple):
    """The participant refused to compensate the command with this key; an operator must decide."""

    at: int
    key: str
    attempt: int
    started_at: int
    failure: Failure

    def apply(self, state: SagaState) -> None:
        """The effect stands."""
        compensation = state.compensation(self.key)
        compensation.attempts = self.attempt
        compensation.in_queue = None
        compensation.interrupted = None
        compensation.note_sent(self.started_at)
        compensation.failure = self.failure
