"""The figures of one replica's connection to a journal that all replicas of a world share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orchestrator.journal.cause import Cause
    from orchestrator.ports.figures import Counted, Cut, FigureKeeping, SuspendedGroup, Window


class FiguresConnection:
    """The :class:`~orchestrator.ports.figures.FigureKeeping` beneath, asked as everything that is no append.

    Args:
        kept: the figures beneath.
        ask: lets a question travel there, and its answer back.
    """

    def __init__(self, kept: FigureKeeping, ask: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]) -> None:
        self._figures = kept
        self._ask_figures = ask

    async def figures(self, window: Window) -> Sequence[Counted]:
        """See the port."""
        answer: Sequence[Counted] = await self._ask_figures(lambda: self._figures.figures(window))
        return answer

    async def suspended(self) -> Sequence[SuspendedGroup]:
        """See the port."""
        answer: Sequence[SuspendedGroup] = await self._ask_figures(self._figures.suspended)
        return answer

    async def without_cause(self, position: int, limit: int) -> tuple[Sequence[str], int | None]:
        """See the port."""
        answer: tuple[Sequence[str], int | None]
        answer = await self._ask_figures(lambda: self._figures.without_cause(position, limit))
        return answer

    async def sum_up(self, cut: Cut) -> bool:
        """See the port."""
        answer: bool = await self._ask_figures(lambda: self._figures.sum_up(cut))
        return answer

    async def note_causes(self, causes: Sequence[tuple[str, Cause]]) -> None:
        """See the port."""
        await self._ask_figures(lambda: self._figures.note_causes(causes))
