"""Every store, and what it can do. A new one joins the suite by a line in ``STORES``.

What not every store can do is a capability, and a store has it by a line in its table: to outlive its process
(``DURABLE``); to be read beside the orchestrator that has it, as ``verify`` and ``export`` do (``READ_BESIDE``). How
many processes may have it at once each store must say: it is ``SHARED``, or ``EXCLUSIVE`` and refuses the second.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.store.memory.journal import MemoryJournal, MemoryState
from orchestrator.store.opening import open_store
from orchestrator.testing.world.clock import JumpingClock
from tests.support.postgres import new_database, set_store_clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pytest

    from orchestrator.ports.journal import Journal

    Open = Callable[[], Awaitable[Journal]]
    """Opens one more handle on a store."""

    LetPass = Callable[[int], None]
    """Lets so many seconds pass by the store's own clock."""


@dataclass(frozen=True)
class EmptyStore:
    """A store of its own for one test.

    Attributes:
        open: opens one more handle.
        let_pass: moves the clock by which the store judges leases.
        url: where processes reach it; empty where none can.
    """

    open: Open
    let_pass: LetPass
    url: str = ""


@contextmanager
def _in_memory(_request: pytest.FixtureRequest, _folder: Path) -> Iterator[EmptyStore]:
    clock, state = JumpingClock(), MemoryState()

    async def open_it() -> Journal:
        return MemoryJournal(clock.now, state)

    yield EmptyStore(open_it, clock.advance)


@contextmanager
def _in_a_file(_request: pytest.FixtureRequest, folder: Path) -> Iterator[EmptyStore]:
    clock, url = JumpingClock(), f"sqlite:{folder}/journal.db"
    yield EmptyStore(lambda: open_store(url, clock.now), clock.advance, url)


@contextmanager
def _on_postgres(
    request: pytest.FixtureRequest, _folder: Path, server: str = "postgres_server"
) -> Iterator[EmptyStore]:
    passed = 0

    def let_pass(seconds: int) -> None:
        nonlocal passed
        passed += seconds
        set_store_clock(url, ahead=passed)

    with new_database(request.getfixturevalue(server)) as url:
        yield EmptyStore(lambda: open_store(url), let_pass, url)


def _on_oldest_postgres(request: pytest.FixtureRequest, folder: Path) -> AbstractContextManager[EmptyStore]:
    return _on_postgres(request, folder, "oldest_postgres_server")


STORES: Final[dict[str, Callable[[pytest.FixtureRequest, Path], AbstractContextManager[EmptyStore]]]] = {
    "memory": _in_memory,
    "sqlite": _in_a_file,
    "postgresql": _on_postgres,
    "postgresql of the oldest version": _on_oldest_postgres,
}
"""What makes an empty store, for a test and its folder. The first word is the scheme of its URL."""

_POSTGRES: Final = ("postgresql", "postgresql of the oldest version")

DURABLE: Final = ("sqlite", *_POSTGRES)
READ_BESIDE: Final = ("sqlite", *_POSTGRES)
EXCLUSIVE: Final = ("sqlite",)
SHARED: Final = ("memory", *_POSTGRES)

LONG: Final = ("postgresql of the oldest version",)
"""Are tested by ``make test-long`` alone."""
