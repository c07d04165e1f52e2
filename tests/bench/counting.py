"""What a saga costs the disk, and what the disk costs.

Counted in rounds of their own, so that counting disturbs no measured one.
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.store.sqlite.journal import SqliteJournal
from tests.bench.processes import written_bytes
from tests.bench.rounds import closed_loop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.contenders import Sagas

_KIB = 1024
_PAGE = 4096
_FLUSHES = 60


class Counted(NamedTuple):
    """For each saga: commits, each of which flushes the file's log, and KiB given to the disk; ``None`` if unknown."""

    flushes: float | None
    written: float | None


async def counted(sagas: Sagas, number: int, in_flight: int) -> Counted:
    """What so many sagas cost the disk, each."""
    journal = sagas.replica.sagas.worker.adapters.journal
    assert isinstance(journal, SqliteJournal)
    commits = 0

    def count(sql: str) -> None:
        nonlocal commits
        commits += sql == "COMMIT"

    before = written_bytes()
    journal._writing.set_trace_callback(count)
    try:
        await closed_loop(sagas.one, number, in_flight)
    finally:
        journal._writing.set_trace_callback(None)
    after = written_bytes()
    await sagas.catch_up(number)
    await sagas.finish()
    written = None if before is None or after is None else (after - before) / number / _KIB
    return Counted(commits / number, written)


def flush_seconds(folder: Path) -> list[float]:
    """How long it takes, again and again, to write a page at the end of a file here and have the disk keep it."""
    took = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_FLUSHES):
            file.write(bytes(_PAGE))
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return took
