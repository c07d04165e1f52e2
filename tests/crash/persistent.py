"""Writers that go on while the database comes and goes, and that know what was acknowledged to them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from orchestrator.errors import JournalUnavailable
from tests.support.journals import Writing, recovered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.ports.journal import Journal

T = TypeVar("T")

AT_ONCE: Final = 3
"""Entries of one append, so that a part of one would be seen."""
PATIENCE: Final = 60.0


async def once_available(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again and again until the database is back; nothing else tells of that."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await ask()
            except JournalUnavailable:
                await asyncio.sleep(0.01)


class Persistent:
    """Appends to one saga again and again; after a failure it looks where the journal ends, as a recovery does.

    Attributes:
        acknowledged: how many entries are.
        failures: how many appends have failed.
        goes_on: is set with each append that is acknowledged.
    """

    def __init__(self, journal: Journal, saga_id: str) -> None:
        self._journal = journal
        self._saga_id = saga_id
        self.acknowledged = 0
        self.failures = 0
        self.goes_on = asyncio.Event()

    async def write_until(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            try:
                await self._append()
            except JournalUnavailable:
                self.failures += 1
                await self._look_where_the_journal_ends()
            else:
                self.acknowledged += AT_ONCE
                self.goes_on.set()

    async def _append(self) -> None:
        writer = Writing(self._journal, self._saga_id, sequence=self.acknowledged)
        numbers = range(self.acknowledged, self.acknowledged + AT_ONCE)
        if self.acknowledged:
            await writer.write(*map(recovered, numbers))
        else:
            await writer.start(*map(recovered, numbers))

    async def _look_where_the_journal_ends(self) -> None:
        found = len(await once_available(lambda: self._journal.read(self._saga_id)))
        assert found in {self.acknowledged, self.acknowledged + AT_ONCE}, "there whole, or not at all"
        self.acknowledged = found

    async def check(self) -> None:
        assert await self._journal.read(self._saga_id) == [recovered(number) for number in range(self.acknowledged)]
        record = await self._journal.find(self._saga_id)
        assert record is not None
        assert record.sequence == self.acknowledged


async def have_written(writers: list[Persistent], more: int) -> None:
    """Wait until each has had so many more appends acknowledged."""
    async with asyncio.timeout(PATIENCE):
        for _ in range(more):
            for writer in writers:
                writer.goes_on.clear()
            await asyncio.gather(*(writer.goes_on.wait() for writer in writers))
