"""Who sees what has become durable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState


class Observer(Protocol):
    """Sees what has become durable. It must not raise, and must not keep the hot path waiting."""

    def samples(self, saga_id: str, traceparent: str) -> bool:
        """Whether the trace of a new saga is exported."""

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        """These entries of a saga are durable. Its state may be ahead of them, and goes on changing."""

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:
        """A saga with these durable entries goes on in this process.

        Args:
            saga_id: the saga.
            entries: its whole journal.
            told: the process that wrote them lives, or has told its observer all of them.
        """


class HoldingObserver(Observer, Protocol):
    """An observer that may lose what it has seen when the process dies.

    Attributes:
        holds_back: whether it may.
        told_before: entries before this instant, of sagas that are recovered, were passed on by an earlier process.
    """

    holds_back: bool
    told_before: int

    async def passed_on(self, seconds: float) -> None:
        """Wait until what it has seen so far would outlive the process, or is lost, for so many seconds at most."""
