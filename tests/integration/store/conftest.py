"""A journal in a real file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.store.sqlite.journal import SqliteJournal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    opened = await SqliteJournal.open(path)
    yield opened
    await opened.close()
