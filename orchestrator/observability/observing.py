"""What an observer of this process is, and the one that costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from orchestrator.ports.observer import HoldingObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.readings import Readings


class ClosableObserver(HoldingObserver, Protocol):
    """An observer with an end.

    Attributes:
        committed: to be called after each commit of the journal with how many writes have shared it, and how many
            seconds it took; ``None`` where nobody wants to know.
    """

    committed: Callable[[int, float], None] | None

    def measure(self, readings: Readings) -> None:
        """Read this replica whenever somebody asks for metrics; called on the replica's loop."""

    async def close(self) -> bool:
        """Hand over the spans that are held back, in bounded time, and stop observing; whether all were handed over."""


class Unobserved:
    """Observes nothing."""

    holds_back = False
    told_before = 0
    committed: Callable[[int, float], None] | None = None

    def samples(self, saga_id: str, traceparent: str) -> bool:  # noqa: ARG002 - the port's signature
        """No trace is exported."""
        return False

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        """Nothing is seen."""

    def measure(self, readings: Readings) -> None:
        """Nothing is measured."""

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:
        """Nothing is seen."""

    async def passed_on(self, seconds: float) -> None:
        """Nothing is held back."""

    async def close(self) -> bool:
        """Nothing is held back."""
        return True
