"""Every store, and what some can do besides. No test asks which store it has."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.store.opening import open_reader
from tests.conformance.store.stores import DURABLE, EXCLUSIVE, LONG, READ_BESIDE, SHARED, STORES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from orchestrator.ports.journal import Journal, JournalReader
    from tests.conformance.store.stores import EmptyStore, LetPass, Open

NEEDED: Final = {
    "journal": tuple(STORES),
    "open_durable": DURABLE,
    "beside": READ_BESIDE,
    "handles": SHARED,
    "open_exclusive": EXCLUSIVE,
}
"""What a test takes, and the stores that have it."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on every store that has what it needs."""
    for fixture, names in NEEDED.items():
        if fixture in metafunc.fixturenames:
            marked = [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in names]
            metafunc.parametrize("store", marked, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmptyStore]:
    with STORES[request.param](request, tmp_path) as store:
        yield store


@pytest.fixture
def let_pass(store: EmptyStore) -> LetPass:
    return store.let_pass


@pytest.fixture
async def open_handle(store: EmptyStore) -> AsyncIterator[Open]:
    """Opens the same store, again and again."""
    async with AsyncExitStack() as opened:

        async def open_it() -> Journal:
            journal = await store.open()
            opened.push_async_callback(journal.close)  # to close what is closed already does no harm
            return journal

        yield open_it


@pytest.fixture
def open_durable(open_handle: Open) -> Open:
    """Opens the same store, again and again. A test closes it before it opens it a second time."""
    return open_handle


@pytest.fixture
def open_exclusive(open_handle: Open) -> Open:
    """Opens a store that one process has for itself, again and again."""
    return open_handle


@pytest.fixture
async def journal(open_handle: Open) -> Journal:
    return await open_handle()


@pytest.fixture
async def handles(open_handle: Open) -> tuple[Journal, Journal]:
    """Two handles on one store, as two processes have them."""
    return await open_handle(), await open_handle()


@pytest.fixture
async def beside(open_handle: Open, store: EmptyStore) -> AsyncIterator[tuple[Journal, JournalReader]]:
    """A journal that is in use, and a handle that reads it at the same time."""
    journal = await open_handle()
    reader = await open_reader(store.url)
    yield journal, reader
    await reader.close()
