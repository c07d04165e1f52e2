r"""Keeps the figures small and whole: sums up what is over, and notes the causes that an earlier version has not.

Purpose: charts of a year read a few rows. Invariant: what is summed up counts once, however many replicas do so; each
step is one short transaction, and none is in the way of the sagas.

::

    pause ──▶ page after page of sagas without a cause: fold, note ──▶ hour after hour: sum up ──▶ a pause
                                                                        └── a rest after each
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.errors import JournalError
from orchestrator.journal.fold import fold
from orchestrator.ports.figures import Cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.cause import Cause
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal

_log = logging.getLogger(__name__)

FIRST_SECONDS: Final = 2.0
"""From the start of the process to the first pass: what was written by an earlier version is soon found."""
PASS_SECONDS: Final = 600.0
"""From the end of one pass to the beginning of the next."""

_PAGE: Final = 100
_REST_SECONDS: Final = 0.02


class FigurePasses:
    """Sums up the figures, again and again. One of what a replica does beside its sagas.

    Args:
        journal: where they are.
        clock: the time.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._passing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin, after a pause."""
        self._passing = asyncio.ensure_future(self._pass_again_and_again())

    def close(self) -> None:
        """End. What is being summed up is summed up as a whole, or not."""
        if self._passing is not None:
            self._passing.cancel()

    async def run_once(self) -> None:
        """One pass.

        Raises:
            JournalError: the journal failed; what was done so far is.
        """
        position: int | None = 0
        while position is not None:
            saga_ids, position = await self._journal.without_cause(position, _PAGE)
            if causes := await self._causes(saga_ids):
                await self._journal.note_causes(causes)
                await self._clock.sleep(_REST_SECONDS)
        while await self._journal.sum_up(Cut.at(self._clock.now())):
            await self._clock.sleep(_REST_SECONDS)

    async def _pass_again_and_again(self) -> None:
        await self._clock.sleep(FIRST_SECONDS)
        while True:
            try:
                await self.run_once()
            except JournalError as error:
                _log.warning("the figures are summed up by the next pass: %s", error)
            await self._clock.sleep(PASS_SECONDS)

    async def _causes(self, saga_ids: Sequence[str]) -> list[tuple[str, Cause]]:
        causes = [(saga_id, fold(saga_id, await self._journal.read(saga_id)).cause) for saga_id in saga_ids]
        return [(saga_id, cause) for saga_id, cause in causes if cause is not None]
