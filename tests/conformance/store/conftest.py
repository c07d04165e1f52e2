"""Every store. A new one joins the suite by a line in ``STORES``.

One that outlives its process joins by another in ``DURABLE``; one that can be read beside the orchestrator that has
it, as ``verify`` and ``export`` do, by one in ``READ_BESIDE``.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from orchestrator.store.memory import MemoryJournal
from orchestrator.store.sqlite.journal import SqliteJournal
from orchestrator.store.sqlite.reading import SqliteReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from orchestrator.ports.journal import Journal

    Open = Callable[[], Awaitable[Journal]]


async def _memory(_folder: Path) -> Journal:
    return MemoryJournal()


async def _sqlite(folder: Path) -> Journal:
    return await SqliteJournal.open(folder / "journal.db")


def _sqlite_beside(folder: Path) -> SqliteReader:
    return SqliteReader.beside(folder / "journal.db")


STORES = {"memory": _memory, "sqlite": _sqlite}
DURABLE = {"sqlite": _sqlite}
READ_BESIDE = {"sqlite": (_sqlite, _sqlite_beside)}


@pytest.fixture(params=STORES)
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await STORES[request.param](tmp_path)
    yield opened
    await opened.close()


@pytest.fixture(params=DURABLE)
async def open_durable(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the same store, again and again. Whoever opens it a second time closes it before."""
    async with AsyncExitStack() as opened:

        async def open_it() -> Journal:
            journal = await DURABLE[request.param](tmp_path)
            opened.push_async_callback(journal.close)
            return journal

        yield open_it


@pytest.fixture(params=READ_BESIDE)
async def beside(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Journal, SqliteReader]]:
    """A journal that is in use, and a handle that reads it meanwhile."""
    opens, reads = READ_BESIDE[request.param]
    journal = await opens(tmp_path)
    reader = reads(tmp_path)
    yield journal, reader
    await reader.close()
    await journal.close()
