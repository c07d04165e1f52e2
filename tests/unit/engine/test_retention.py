"""Sagas that have ended long ago are deleted as the rules say, and nothing else is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.replica.upkeep import retention
from orchestrator.engine.replica.upkeep.retention import PASS_SECONDS, RetentionPasses
from orchestrator.errors import ArchiveUnavailable, JournalUnavailable, SagaDeleted
from orchestrator.journal.export import ExportedJournal, read_journal
from orchestrator.journal.retention import Rules, parse_rule
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.store.archive import FolderArchive
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.world.clock import JumpingClock
from tests.support.engine_world import EngineWorld, trip, turns, until
from tests.support.journals import AT, Writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.archive import Archive

DAY = 24 * 3600
END = AT + 99
"""When each has ended."""


class Passes:
    """Retention by some rules over a journal in memory.

    Attributes:
        clock: shows the instant at which all sagas have ended, until a test moves it.
    """

    def __init__(self, *rules: str, archive: Archive | None = None) -> None:
        self.clock = JumpingClock()
        self.clock.time = END
        self.journal = MemoryJournal(self.clock.now)
        self.passes = RetentionPasses(self.journal, self.clock, Rules(map(parse_rule, rules)), archive)

    async def ended(self, saga_id: str, status: Status = Status.COMPLETED, definition: str = "buy") -> None:
        """A saga that has ended."""
        writer = Writing(self.journal, saga_id)
        await writer.start(definition=definition)
        await writer.end(status)

    async def left(self) -> list[str]:
        """The sagas that are there."""
        records, _ = await self.journal.search(SagaFilter(), 10_000, "")
        return sorted(record.saga_id for record in records)


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(retention, "_PAGE", 7)
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    return iter(())


async def test_a_saga_is_deleted_when_it_has_been_ended_for_as_long_as_its_rule_says() -> None:
    kept = Passes("buy:completed=2d:delete")
    await kept.ended("saga-1")
    kept.clock.advance(2 * DAY - 60)
    assert await kept.passes.run_once() == 0

    kept.clock.advance(60)
    assert await kept.passes.run_once() == 1
    assert await kept.left() == []
    assert await kept.journal.find_tombstone("saga-1")


async def test_sagas_for_which_no_rule_is_are_kept_for_ever() -> None:
    kept = Passes("buy:completed=1d:delete", "*:compensated=3d:delete")
    await kept.ended("bought")
    await kept.ended("sold", definition="sell")
    await kept.ended("back", Status.COMPENSATED)
    await kept.ended("half", Status.PARTIALLY_COMPENSATED)
    await Writing(kept.journal, "running").start(definition="buy")
    kept.clock.advance(2 * DAY)
    assert await kept.passes.run_once() == 1
    assert await kept.left() == ["back", "half", "running", "sold"]

    kept.clock.advance(1000 * DAY)
    assert await kept.passes.run_once() == 1
    assert await kept.left() == ["half", "running", "sold"]


async def test_as_many_as_there_are_are_deleted_in_one_pass_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Passes("*:completed=1d:delete")
    for number in range(40):
        await kept.ended(f"saga-{number}", Status.COMPLETED if number % 3 else Status.COMPENSATED)
    delete_ended, batches = kept.journal.delete_ended, []

    async def counted(saga_ids: Sequence[str]) -> list[str]:
        batches.append(len(saga_ids))
        return await delete_ended(saga_ids)

    monkeypatch.setattr(kept.journal, "delete_ended", counted)
    kept.clock.advance(DAY)
    assert await kept.passes.run_once() == 26
    assert max(batches) == 2
    assert len(kept.clock.slept) >= len(batches), "others have their turn after each"


async def test_a_saga_with_its_children_is_archived_before_it_is_deleted(tmp_path: Path) -> None:
    kept = Passes("buy:completed=1d:archive", archive=FolderArchive(tmp_path / "archive"))
    for saga_id in ("saga-1", "saga-1/pay#1"):
        await kept.ended(saga_id)
    journals = {saga_id: await kept.journal.read(saga_id) for saga_id in ("saga-1", "saga-1/pay#1")}
    kept.clock.advance(DAY)
    assert await kept.passes.run_once() == 1

    folder = tmp_path / "archive" / "buy" / "2023-11"
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["saga-1%2Fpay%231.json", "saga-1.json"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    archived = [read_journal(file.read_text()) for file in files]
    assert {each.saga_id: list(each.entries) for each in archived} == journals
    assert await kept.left() == []


async def test_a_saga_that_cannot_be_archived_is_not_deleted_and_the_next_pass_tries_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "archive"
    in_the_way.write_text("a file, and no folder")
    kept = Passes("buy:completed=1d:archive", archive=FolderArchive(in_the_way))
    await kept.ended("saga-1")
    kept.clock.advance(DAY)
    kept.clock.hold_from = PASS_SECONDS
    with pytest.raises(ArchiveUnavailable, match="ORCHESTRATOR_RETENTION_ARCHIVE"):
        await kept.passes.run_once()

    kept.passes.open()
    with caplog.at_level(logging.WARNING):
        await turns()
        kept.clock.advance(PASS_SECONDS)
        await until(lambda: caplog.records, most=1_000_000)
    assert await kept.left() == ["saga-1"]
    in_the_way.unlink()
    kept.clock.advance(PASS_SECONDS)
    await until(lambda: kept.passes.deleted, most=1_000_000)
    kept.passes.close()
    assert list(in_the_way.rglob("saga-1.json"))


async def test_a_saga_that_was_deleted_while_it_was_archived_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kept:
        async def keep(self, _definition: str, journals: Sequence[ExportedJournal]) -> None:
            raise AssertionError(f"nothing is left of {journals}")

    kept = Passes("buy:completed=1d:archive", archive=Kept())
    await kept.ended("saga-1")
    read = kept.journal.read

    async def deleted(saga_id: str) -> list[Entry]:
        await kept.journal.delete_ended([saga_id])
        return await read(saga_id)

    monkeypatch.setattr(kept.journal, "read", deleted)
    kept.clock.advance(DAY)
    assert await kept.passes.run_once() == 0


async def test_a_journal_that_is_away_ends_the_pass_and_not_the_passes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Passes("buy:completed=1d:delete")
    kept.clock.hold_from = PASS_SECONDS
    await kept.ended("saga-1")
    kept.clock.advance(DAY)

    async def away(_position: int, _limit: int) -> None:
        raise JournalUnavailable("the disk is full")

    kept.passes.open()
    await turns()
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(kept.journal, "ended", away)
        kept.clock.advance(PASS_SECONDS)
        await turns()
    assert [record.getMessage() for record in caplog.records] == [
        "retention stops until its next pass: the disk is full"
    ]
    kept.clock.advance(PASS_SECONDS)
    await turns(1000)
    kept.passes.close()
    assert await kept.left() == []


async def test_without_rules_nothing_is_looked_for() -> None:
    kept = Passes()
    kept.clock.hold_from = PASS_SECONDS
    kept.passes.open()
    await turns()
    assert not kept.clock.is_held()
    kept.passes.close()


async def test_who_repeats_the_start_of_a_deleted_saga_is_told_so_and_starts_none() -> None:
    world = EngineWorld(trip)
    process = await world.open()
    state = await process.run()
    assert await world.journal.delete_ended([state.saga_id]) == [state.saga_id]
    sent = len(world.participants.calls)

    for wait in (0.0, 5.0):
        with pytest.raises(SagaDeleted, match=r"it was completed at .*use a new request id") as refused:
            await process.worker.start(world.order(), wait)
        assert refused.value.status == "completed"
    assert {call.method for call in world.participants.calls[sent:]} <= {"PriceOrder"}, "a query needs no saga"
    await until(lambda: not process.worker.live)
    assert not world.entries()
    await world.end()
