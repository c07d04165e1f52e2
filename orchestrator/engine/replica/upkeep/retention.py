r"""Deletes sagas that have ended long ago, as rules say; some are written into an archive before.

Purpose: a journal does not grow without end, and nobody has to remember that. Invariant: no saga is deleted that has
not ended with all its children, for which no rule is, or whose journal should be in the archive and is not; and who
repeats the start of one that was deleted is told so.

::

    pause ──▶ page after page, the oldest start first ──▶ old enough? ──archive──▶ durable ──▶ deleted, a few at a time
      ▲                                                                                              │
      └───────────────────────── the last page ◀─── a rest after each, four times as long ◀──────────┘

Two replicas that do so at once harm nothing: a file is written twice, a saga deleted once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.errors import ArchiveUnavailable, JournalError
from orchestrator.journal.export import ExportedJournal
from orchestrator.journal.retention import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.retention import Rules
    from orchestrator.ports.archive import Archive
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.retention import EndedSaga

_log = logging.getLogger(__name__)

PASS_SECONDS: Final = 600.0
"""From the end of one pass to the beginning of the next, and from the start of the process to the first."""

_PAGE: Final = 500
_AT_ONCE: Final = 20
_REST: Final = 4.0
"""How many times as long as the work before a rest is: so retention takes a fifth of the time at most."""

_LEAST_REST_SECONDS: Final = 0.02


class RetentionPasses:
    """Looks for sagas that are old enough, again and again. One of what a replica does beside its sagas.

    Args:
        journal: where the sagas are.
        clock: the time.
        rules: how long which sagas are kept.
        archive: where the journals go that a rule wants archived; ``None`` where no rule does.

    Attributes:
        deleted: how many sagas were deleted so far, without their children.
    """

    def __init__(self, journal: Journal, clock: Clock, rules: Rules, archive: Archive | None = None) -> None:
        self._journal = journal
        self._clock = clock
        self._rules = rules
        self._archive = archive
        self._passing: asyncio.Task[None] | None = None
        self.deleted = 0

    def open(self) -> None:
        """Begin, after a pause."""
        if self._rules:
            self._passing = asyncio.ensure_future(self._pass_again_and_again())

    def close(self) -> None:
        """End. What is being deleted is deleted as a whole, or not."""
        if self._passing is not None:
            self._passing.cancel()

    async def run_once(self) -> int:
        """One pass over all sagas; how many were deleted, without their children.

        Raises:
            JournalError: the journal failed; what was deleted so far is.
            ArchiveUnavailable: the archive did.
        """
        before, position = self.deleted, 0
        while True:
            began = self._clock.now()
            page = await self._journal.ended(position, _PAGE)
            await self._rest_since(began)
            old = [saga for saga in page.sagas if self._is_old(saga)]
            for first in range(0, len(old), _AT_ONCE):
                began = self._clock.now()
                await self._delete(old[first : first + _AT_ONCE])
                await self._rest_since(began)
            if page.position is None:
                await self._journal.shrink()
                return self.deleted - before
            position = page.position

    async def _pass_again_and_again(self) -> None:
        while True:
            await self._clock.sleep(PASS_SECONDS)
            try:
                deleted = await self.run_once()
            except (JournalError, ArchiveUnavailable) as error:
                _log.warning("retention stops until its next pass: %s", error)
            else:
                _log.log(logging.INFO if deleted else logging.DEBUG, "retention has deleted %d sagas", deleted)

    def _is_old(self, saga: EndedSaga) -> bool:
        return self._rules.due(saga.definition, saga.status, saga.ended_at, self._clock.now()) is not None

    async def _delete(self, sagas: Sequence[EndedSaga]) -> None:
        for saga in sagas:
            rule = self._rules.find(saga.definition, saga.status)
            if rule is not None and rule.action is Action.ARCHIVE:
                await self._keep(saga)
        self.deleted += len(await self._journal.delete_ended([saga.saga_id for saga in sagas]))

    async def _keep(self, saga: EndedSaga) -> None:
        assert self._archive is not None, "a rule wants an archive, and there is none"
        members = await self._journal.family(saga.saga_id)
        journals = [ExportedJournal(member, tuple(await self._journal.read(member))) for member in members]
        if journals and all(journal.entries for journal in journals):  # else it was deleted since
            await self._archive.keep(saga.definition, journals)

    async def _rest_since(self, began: int) -> None:
        took = max(0.0, (self._clock.now() - began) / 1e9)
        await self._clock.sleep(max(_LEAST_REST_SECONDS, _REST * took))
