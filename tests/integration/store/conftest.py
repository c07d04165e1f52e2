"""A journal in a real file, opened here or by another process."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.store.sqlite import database
from orchestrator.store.sqlite.journal import SqliteJournal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

OPEN_ELSEWHERE = """
import asyncio, sys
from pathlib import Path
from orchestrator.store.sqlite.journal import SqliteJournal
async def main():
    journal = await SqliteJournal.open(Path(sys.argv[1]))
    print("open", flush=True)
    sys.stdin.read()
asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    opened = await SqliteJournal.open(path)
    yield opened
    await opened.close()


@pytest.fixture
def elsewhere(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has opened the journal."""
    arguments = [sys.executable, "-c", OPEN_ELSEWHERE, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which the log is not stretched: many openings are quicker so."""
    monkeypatch.setattr(database, "_LOGS_ON_A_ROOMY_DISK", 1 << 40)
