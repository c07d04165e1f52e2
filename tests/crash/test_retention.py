"""A process is killed again and again while it deletes sagas whose starts are repeated: none is started twice."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.journal.state import ENDED
from orchestrator.store.opening import open_store
from tests.support.processes import end
from tests.support.repository import ROOT

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orchestrator.ports.journal import Journal

_KILLS: Final = 4
_LINES: Final = 600
_PATIENCE_SECONDS: Final = 120.0


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/journal.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_no_deleted_saga_is_started_again_whenever_the_process_is_killed(url: str, chance: random.Random) -> None:
    said: list[tuple[str, str]] = []
    for kill in range(_KILLS):
        old = [saga_id for what, saga_id in said if what == "began"]
        repeated = chance.sample(old, min(len(old), 200))
        said += await killed_after(_LINES, url, f"run-{kill}", str(chance.random()), *repeated)

    began = Counter(saga_id for what, saga_id in said if what == "began")
    assert [saga_id for saga_id, times in began.items() if times > 1] == []
    seen = Counter(what for what, _ in said)
    assert seen["deleted"]
    assert seen["began"]
    async with opened(url) as journal:
        for saga_id in began:
            record, tombstone = await journal.find(saga_id), await journal.find_tombstone(saga_id)
            assert (record is None) != (tombstone is None), saga_id
            assert record is None or record.status in ENDED or len(await journal.read(saga_id)) == 1


async def killed_after(lines: int, *arguments: str) -> list[tuple[str, str]]:
    """What a process has said until it was killed, after so many lines."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.repeating", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said: list[bytes] = []
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while len(said) < lines:
                line = await process.stdout.readline()
                assert line, "it has ended by itself"
                said.append(line)
        process.kill()
        said += (await process.stdout.read()).splitlines(keepends=True)
    finally:
        await end(process)
    whole = [line.decode().split() for line in said if line.endswith(b"\n")]
    return [(what, saga_id) for what, saga_id in whole]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Journal]:
    journal = await open_store(url)
    try:
        yield journal
    finally:
        await journal.close()
