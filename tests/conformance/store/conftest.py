"""Every store, and what some can do besides. No test asks which store it has."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from orchestrator.store.opening import open_reader, open_store
from tests.conformance.store.stores import DURABLE, EXCLUSIVE, READ_BESIDE, SHARED, STORES, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orchestrator.ports.journal import Journal, JournalReader
    from tests.conformance.store.stores import Open


async def closed_after(open_it: Open, opened: AsyncExitStack) -> Journal:
    """One more handle. To close what is closed already does no harm."""
    journal = await open_it()
    opened.push_async_callback(journal.close)
    return journal


@pytest.fixture(params=STORES)
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await open_store(url_of(request.param, tmp_path))
    yield opened
    await opened.close()


@pytest.fixture(params=DURABLE)
async def open_durable(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the same store, again and again. A test closes it before it opens it a second time."""
    url = url_of(request.param, tmp_path)
    async with AsyncExitStack() as opened:
        yield lambda: closed_after(lambda: open_store(url), opened)


@pytest.fixture(params=READ_BESIDE)
async def beside(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Journal, JournalReader]]:
    """A journal that is in use, and a handle that reads it at the same time."""
    url = url_of(request.param, tmp_path)
    journal = await open_store(url)
    reader = await open_reader(url)
    yield journal, reader
    await reader.close()
    await journal.close()


@pytest.fixture(params=SHARED)
async def handles(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Journal, Journal]]:
    """Two handles on one store, as two processes have them."""
    open_it = SHARED[request.param](tmp_path)
    async with AsyncExitStack() as opened:
        yield await closed_after(open_it, opened), await closed_after(open_it, opened)


@pytest.fixture(params=EXCLUSIVE)
async def open_exclusive(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a store that one process has for itself, again and again."""
    url = url_of(request.param, tmp_path)
    async with AsyncExitStack() as opened:
        yield lambda: closed_after(lambda: open_store(url), opened)
