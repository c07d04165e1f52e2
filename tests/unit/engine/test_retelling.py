"""What ended just before a crash is told to the observer once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.entries import SagaCompleted
from orchestrator.engine.retelling import retell
from orchestrator.engine.state import Status
from orchestrator.errors import JournalUnavailable
from orchestrator.store.memory import MemoryJournal
from tests.journals import AT, Pen

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from orchestrator.engine.entries import Entry
    from orchestrator.engine.ports import SagaFilter, SagaRecord

MINUTE = 60 * 1_000_000_000


class Told:
    """An observer that remembers of which sagas it was told, and how many entries."""

    def __init__(self) -> None:
        self.sagas: dict[str, int] = {}

    def samples(self, saga_id: str, traceparent: str) -> bool:
        raise AssertionError("no saga starts here", saga_id, traceparent)

    def journalled(self, saga_id: str, entries: Sequence[Entry]) -> None:
        raise AssertionError("no saga goes on here", saga_id, entries)

    def recovered(self, saga_id: str, entries: Sequence[Entry]) -> None:
        self.sagas[saga_id] = len(entries)


class Unavailable(MemoryJournal):
    async def search(self, where: SagaFilter, limit: int, page_token: str) -> tuple[list[SagaRecord], str]:
        raise JournalUnavailable("away", where, limit, page_token)


async def ended(journal: MemoryJournal, saga_id: str, ended_at: int) -> None:
    pen = Pen(journal, saga_id)
    await pen.start()
    await pen.write(SagaCompleted(ended_at, b""), status=Status.COMPLETED, ended_at=ended_at)


async def test_what_ended_last_and_shortly_before_is_told_again() -> None:
    journal, told = MemoryJournal(), Told()
    await ended(journal, "long ago", AT)
    await ended(journal, "last", AT + 10 * MINUTE)
    await ended(journal, "shortly before", AT + 10 * MINUTE - MINUTE // 4)
    assert await retell(journal, told) == 2
    assert told.sagas == {"last": 2, "shortly before": 2}


async def test_what_is_suspended_is_told_again_and_what_goes_on_is_not() -> None:
    journal, told = MemoryJournal(), Told()
    await Pen(journal, "running").start()
    suspended = Pen(journal, "suspended")
    await suspended.start()
    await suspended.suspend()
    assert await retell(journal, told) == 1
    assert told.sagas == {"suspended": 2}


async def test_a_journal_that_fails_is_no_reason_not_to_start(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    assert await retell(Unavailable(), told) == 0
    assert not told.sagas
    assert "may be incomplete" in caplog.text
