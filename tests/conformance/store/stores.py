"""Every store, by its URL, and what it can do. A new one joins the suite by a line in ``STORES``.

What not every store can do is a capability, and a store has it by a line in its table: to outlive its process
(``DURABLE``); to be read beside the orchestrator that has it, as ``verify`` and ``export`` do (``READ_BESIDE``). How
many processes may have it at once each store must say: it is ``SHARED``, or ``EXCLUSIVE`` and refuses the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.store.memory import MemoryJournal, MemoryState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from orchestrator.ports.journal import Journal

    Open = Callable[[], Awaitable[Journal]]
    """Opens one more handle on a store."""


def _handles_in_memory(_folder: Path) -> Open:
    state = MemoryState()

    async def open_it() -> Journal:
        return MemoryJournal(state)

    return open_it


STORES: Final = {"memory": "memory:", "sqlite": "sqlite:{folder}/journal.db"}
"""The URL of an empty store, by the scheme."""

DURABLE: Final = ("sqlite",)
READ_BESIDE: Final = ("sqlite",)
EXCLUSIVE: Final = ("sqlite",)
SHARED: Final[dict[str, Callable[[Path], Open]]] = {"memory": _handles_in_memory}
"""What opens handles on one empty store, for a test's folder. A URL in memory leads each time to another store; where
it leads every process to the same one, as to a server, to open it is enough."""


def url_of(store: str, folder: Path) -> str:
    """The URL of an empty store, for a test's folder."""
    return STORES[store].format(folder=folder)
