"""An append, as a saga makes one between two commands: the outcome of the one and the intent of the other.

A group is that many sagas which append at once, and so share a commit; its time is that until all are durable.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.contract.command import Effect
from orchestrator.journal.entries import CommandCompleted, CommandIntended, SagaStarted
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.store.opening import open_store
from orchestrator.store.sqlite.journal import SqliteJournal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.journal import Journal
    from tests.bench.micro.conftest import Story

OWNER: Final = "replica-1"


async def _memory(_request: pytest.FixtureRequest, _folder: Path) -> Journal:
    return MemoryJournal()


async def _sqlite(_request: pytest.FixtureRequest, folder: Path) -> Journal:
    return await SqliteJournal.open(folder / "journal.db")


async def _postgres(request: pytest.FixtureRequest, _folder: Path) -> Journal:
    return await open_store(request.getfixturevalue("postgres_url"))


STORES: Final[dict[str, Callable[[pytest.FixtureRequest, Path], Awaitable[Journal]]]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "postgresql": _postgres,
}


@dataclass
class Writing:
    """A saga that appends to its journal again and again."""

    journal: Journal
    saga_id: str
    step: Sequence[Entry]
    sequence: int = 0

    def start(self, started: SagaStarted) -> asyncio.Future[None]:
        new = NewSaga(started.definition, started.version, b"digest", started.at, started.attributes)
        return self._append((started,), new)

    def go_on(self) -> asyncio.Future[None]:
        return self._append(self.step)

    def _append(self, entries: Sequence[Entry], new: NewSaga | None = None) -> asyncio.Future[None]:
        append = Append(self.saga_id, OWNER, 1, self.sequence, entries, Status.RUNNING, new=new)
        self.sequence += len(entries)
        return self.journal.append(append)


@pytest.fixture(params=STORES)
def journal(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[Journal]:
    opened = loop.run_until_complete(STORES[request.param](request, tmp_path))
    yield opened
    loop.run_until_complete(opened.close())


@pytest.mark.benchmark(group="journal append")
@pytest.mark.parametrize("group", [1, 32, 256])
def test_an_append(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, journal: Journal, completed: Story, group: int
) -> None:
    started, step = completed.entries[0], between_two_commands(completed)
    assert isinstance(started, SagaStarted)
    sagas = [Writing(journal, f"saga-{number}", step) for number in range(group)]

    async def all_at_once(append: Callable[[Writing], asyncio.Future[None]]) -> None:
        await asyncio.gather(*map(append, sagas))

    loop.run_until_complete(all_at_once(lambda saga: saga.start(started)))
    benchmark(lambda: loop.run_until_complete(all_at_once(Writing.go_on)))
    assert len(loop.run_until_complete(journal.read("saga-0"))) == sagas[0].sequence > 1


def between_two_commands(story: Story) -> Sequence[Entry]:
    """The first outcome, and the first effectful intent after it."""
    outcome = next(at for at, entry in enumerate(story.entries) if isinstance(entry, CommandCompleted))
    intent = next(
        entry
        for entry in story.entries[outcome:]
        if isinstance(entry, CommandIntended) and entry.effect is not Effect.QUERY
    )
    return story.entries[outcome], intent
