"""All that waits is written in one transaction; what cannot be written spoils nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import EntriesUnwritable, JournalUnavailable
from orchestrator.journal.cause import Cause
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.store.sqlite import group_commit
from tests.support.journals import EVERY_ENTRY, Writing, recovered

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.store.sqlite.journal import SqliteJournal


@pytest.fixture
def commits(journal: SqliteJournal) -> list[str]:
    """Every commit from now on."""
    seen: list[str] = []
    journal._writing.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
    return seen


class Pause:
    """Holds the committing thread up, so that appends gather."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self._go_on = threading.Event()

    async def __aenter__(self) -> None:
        commits = self._journal._commits

        def hold() -> Callable[[], None]:
            self._go_on.wait()
            return commits._batches.ended

        for _ in range(2):  # what was told just now is awake before the next commit is planned
            await asyncio.sleep(0)
        commits._batches._under_way = True
        commits._jobs.put(hold)

    async def __aexit__(self, *_: object) -> None:
        self._go_on.set()


async def test_appends_that_gather_while_a_commit_runs_share_the_next_one(
    journal: SqliteJournal, commits: list[str]
) -> None:
    async with Pause(journal):
        waiting = [Writing(journal, f"saga-{number}").start() for number in range(200)]
    await asyncio.gather(*waiting)

    assert len(commits) == 1


async def test_a_lonely_append_is_not_kept_waiting_for_others(journal: SqliteJournal, commits: list[str]) -> None:
    writer = Writing(journal)
    await writer.start()
    for number in range(5):
        await writer.write(recovered(number))

    assert len(commits) == 6


def let_the_thread_commit(journal: SqliteJournal) -> None:
    """As when the disk was slow a moment ago."""
    journal._commits._for_the_thread = 1000


async def test_an_append_is_not_acknowledged_before_its_commit_on_the_thread(journal: SqliteJournal) -> None:
    loop = asyncio.get_running_loop()
    acknowledged: list[bool] = []

    def at_commit(sql: str) -> None:
        if sql == "COMMIT":
            # Whatever the loop was told until now, it has heard.
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
            acknowledged.append(started.done())

    let_the_thread_commit(journal)
    async with Pause(journal):
        journal._writing.set_trace_callback(at_commit)
        started = Writing(journal).start()
    await started

    assert acknowledged[-1] is False


async def test_an_append_is_not_acknowledged_before_its_commit_on_the_loop(journal: SqliteJournal) -> None:
    acknowledged: list[bool] = []

    def at_commit(sql: str) -> None:
        if sql == "COMMIT":
            acknowledged.append(started.done())

    journal._writing.set_trace_callback(at_commit)
    started = Writing(journal).start()
    await started

    assert acknowledged == [False]


async def test_on_a_slow_disk_the_thread_commits_and_the_loop_goes_on(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    journal._writing.set_trace_callback(
        lambda sql: threads.append(threading.current_thread().name) if sql == "COMMIT" else None
    )
    monkeypatch.setattr(group_commit, "_QUICK_SECONDS", -1.0)
    writer = Writing(journal)
    await writer.start()
    await writer.write(recovered(1))

    assert threads == [threading.main_thread().name, "journal-commit"]


async def test_the_log_is_checkpointed_by_the_thread_and_nothing_waits_for_ever(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    journal._writing.set_trace_callback(
        lambda sql: threads.append(threading.current_thread().name) if "checkpoint" in sql else None
    )
    monkeypatch.setattr(group_commit, "_MOST_PAGES_IN_LOG", 3 * (group_commit._PAGES_PER_COMMIT + 1))
    writer = Writing(journal)
    await writer.start()
    for number in range(7):
        await writer.write(recovered(number))

    assert set(threads) == {"journal-commit"}
    assert len(threads) == 2


async def test_while_most_are_elsewhere_a_commit_waits_for_as_many_as_are_out(
    journal: SqliteJournal, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal._commits._batches, "_distance", 3600.0)
    pens = [Writing(journal, f"saga-{number}") for number in range(10)]
    await asyncio.gather(*(writer.start() for writer in pens))
    commits.clear()
    writing = [asyncio.ensure_future(writer.write(recovered(1))) for writer in pens[:4]]
    for _ in range(10):
        await asyncio.sleep(0)
    assert not commits, "six are out, and four wait"

    writing.append(asyncio.ensure_future(pens[4].write(recovered(1))))
    await asyncio.gather(*writing)
    assert len(commits) == 1


async def test_a_writer_that_waits_for_others_that_do_not_come_waits_for_a_moment(
    journal: SqliteJournal, commits: list[str]
) -> None:
    pens = [Writing(journal, f"saga-{number}") for number in range(10)]
    await asyncio.gather(*(writer.start() for writer in pens))
    await pens[0].write(recovered(1))

    assert len(commits) == 2


async def test_a_full_disk_fails_the_whole_group_keeps_nothing_of_it_and_heals(journal: SqliteJournal) -> None:
    before = Writing(journal, "before")
    await before.start()
    fill_disk(journal)
    async with Pause(journal):
        large = Writing(journal, "large").start(*EVERY_ENTRY[:1], attributes=(("letter", "x" * 500_000),))
        small = [Writing(journal, f"small-{number}").start() for number in range(3)]
        more = before.write(recovered(1))
    ends = await asyncio.gather(large, *small, more, return_exceptions=True)

    assert [type(end) for end in ends] == [JournalUnavailable] * 5
    assert "database or disk is full; free space, then go on" in str(ends[0])
    assert [await journal.find(name) for name in ("large", "small-0", "small-1", "small-2")] == [None] * 4
    assert await journal.read("before") == [EVERY_ENTRY[0]]

    free_disk(journal)
    await asyncio.gather(*(Writing(journal, f"small-{number}").start() for number in range(3)))
    await Writing(journal, "before", sequence=1).write(recovered(2))
    assert await journal.read("before") == [EVERY_ENTRY[0], recovered(2)]


def fill_disk(journal: SqliteJournal) -> None:
    """SQLite takes a limit of pages for a disk without any more."""
    (pages,) = journal._writing.execute("PRAGMA page_count").fetchone()
    journal._writing.execute(f"PRAGMA max_page_count = {pages}")


def free_disk(journal: SqliteJournal) -> None:
    journal._writing.execute("PRAGMA max_page_count = 1000000")


@pytest.mark.parametrize(
    ("poison", "refusal"),
    [
        pytest.param(
            {"status": Status.COMPLETED, "ended_at": None},
            JournalUnavailable,
            id="an end without an instant, refused by a CHECK",
        ),
        pytest.param(
            {"status": Status.COMPLETED, "ended_at": 2**70}, EntriesUnwritable, id="an instant beyond 64 bits"
        ),
        pytest.param(
            {"cause": Cause(ReasonCode.REJECTED, "", "half an emoji: \ud83d", 1)}, EntriesUnwritable, id="no text"
        ),
    ],
)
async def test_an_append_that_cannot_be_written_disturbs_no_other_of_its_group(
    journal: SqliteJournal, poison: dict[str, Any], refusal: type[Exception]
) -> None:
    poisoned = Writing(journal, "poisoned")
    await poisoned.start()
    async with Pause(journal):
        first = Writing(journal, "first").start()
        bad = poisoned.write(recovered(1), **poison)
        last = Writing(journal, "last").start()
    ends = await asyncio.gather(first, bad, last, return_exceptions=True)

    assert [type(end) for end in ends] == [type(None), refusal, type(None)]
    assert await journal.read("poisoned") == [EVERY_ENTRY[0]]
    assert await journal.read("first") == await journal.read("last") == [EVERY_ENTRY[0]]


async def test_an_entry_that_cannot_be_encoded_does_not_end_the_writer(journal: SqliteJournal) -> None:
    with pytest.raises(JournalUnavailable):
        await Writing(journal, "bad").start("no entry")  # type: ignore[arg-type]

    await Writing(journal, "good").start()
    assert await journal.find("bad") is None


async def test_a_file_that_somebody_else_has_locked_delays_appends_and_not_the_loop(journal: SqliteJournal) -> None:
    with contextlib.closing(sqlite3.connect(journal._path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = Writing(journal).start()
        for _ in range(100):  # the loop goes on turning
            await asyncio.sleep(0)
        assert not started.done()
        other.execute("ROLLBACK")
    await started

    assert await journal.read("saga-1") == [EVERY_ENTRY[0]]
