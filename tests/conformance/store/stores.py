"""Every store, and what it can do. A new one joins the suite by a line in ``STORES``.

What not every store can do is a capability, and a store has it by a line in its table: to outlive its process
(``DURABLE``); to be read beside the orchestrator that has it, as ``verify`` and ``export`` do (``READ_BESIDE``). How
many processes may have it at once each store must say: it is ``SHARED``, or ``EXCLUSIVE`` and refuses the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.store.memory import MemoryJournal, MemoryState
from orchestrator.store.opening import open_store
from orchestrator.testing.world.clock import JumpingClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
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


def _in_memory(_request: pytest.FixtureRequest, _folder: Path) -> EmptyStore:
    clock, state = JumpingClock(), MemoryState()

    async def open_it() -> Journal:
        return MemoryJournal(clock.now, state)

    return EmptyStore(open_it, clock.advance)


def _in_a_file(_request: pytest.FixtureRequest, folder: Path) -> EmptyStore:
    clock, url = JumpingClock(), f"sqlite:{folder}/journal.db"
    return EmptyStore(lambda: open_store(url, clock.now), clock.advance, url)


STORES: Final[dict[str, Callable[[pytest.FixtureRequest, Path], EmptyStore]]] = {
    "memory": _in_memory,
    "sqlite": _in_a_file,
}
"""What makes an empty store, for a test and its folder."""

DURABLE: Final = ("sqlite",)
READ_BESIDE: Final = ("sqlite",)
EXCLUSIVE: Final = ("sqlite",)
SHARED: Final = ("memory",)
