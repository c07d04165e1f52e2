"""Observers for tests; see :class:`~orchestrator.ports.observer.Observer`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState


class NullObserver:
    """Ignores what it is told. It exports every trace, so that each attempt carries a span."""

    holds_back = False
    told_before = 0

    def samples(self, saga_id: str, traceparent: str) -> bool:  # noqa: ARG002 - the port's
        """Every trace is exported."""
        return True

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        """Nothing happens."""

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:
        """Nothing happens."""

    async def passed_on(self, seconds: float) -> None:
        """Nothing is held back."""


class RecordingObserver(NullObserver):
    """Remembers what it was told.

    Attributes:
        entries: the entries that it was told to be durable, in order, by saga.
    """

    def __init__(self) -> None:
        self.entries: dict[str, list[Entry]] = defaultdict(list)

    def journalled(self, state: SagaState, entries: Sequence[Entry]) -> None:
        """These entries are durable."""
        self.entries[state.saga_id] += entries

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:  # noqa: ARG002 - the port's
        """A saga goes on in this process; it has a journal."""
        assert entries, saga_id
