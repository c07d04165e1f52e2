"""A store tells of each of its commits how many writes have shared it, and how long it took."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.store.opening import open_store
from tests.support.journals import Writing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each store that has commits."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'journal.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


async def test_writes_that_are_made_at_once_share_a_commit_and_it_is_told_once(url: str) -> None:
    told: list[tuple[int, float]] = []
    journal = await open_store(url, committed=lambda writes, seconds: told.append((writes, seconds)))
    await asyncio.gather(*(Writing(journal, f"saga-{number}").start() for number in range(8)))
    await journal.close()

    assert max(writes for writes, _ in told) > 1
    assert sum(writes for writes, _ in told) >= 8
    assert all(0 < seconds < 60 for _, seconds in told)
