"""What is measured: place_order as the golden journals tell of it, on the event loop of production.

No test here asserts a time: a machine's minute is not a fact about the code. What each asserts is that it measured
what it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
import uvloop

from orchestrator.journal.entries import RollbackBegan
from orchestrator.journal.export import read_journal
from orchestrator.journal.fold import fold
from tests.golden.record import FOLDER

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState


class Story(NamedTuple):
    """The journal of one saga, from its start to where it came to rest."""

    saga_id: str
    entries: Sequence[Entry]


def told(name: str) -> Story:
    """A golden journal."""
    return Story(*read_journal((FOLDER / f"place_order_v1_{name}.json").read_text(encoding="utf-8")))


@pytest.fixture
def completed() -> Story:
    """Twelve commands, the pivot among them, and all goes well."""
    return told("completed")


@pytest.fixture
def cancelled() -> Story:
    """Four commands are compensated because the customer changed her mind."""
    return told("cancelled")


@pytest.fixture
def rolling_back(cancelled: Story) -> SagaState:
    """The state of that saga when its rollback has just begun."""
    began = next(at for at, entry in enumerate(cancelled.entries) if isinstance(entry, RollbackBegan))
    return fold(cancelled.saga_id, cancelled.entries[: began + 1])


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop to complete what is measured; that costs some microseconds, too."""
    loop = uvloop.new_event_loop()
    yield loop
    loop.close()
