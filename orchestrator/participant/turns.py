"""Lets the writers of one SQLite database take turns in this process.

SQLite has one writer; a second one that waits for it sleeps and tries again, for longer each time. Here it is woken.
A writer that has waited for long goes on without a turn, and SQLite itself says that its database is locked.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

_PATIENCE: Final = 5.0


class Turns:
    """The turns of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, *, needed: bool) -> Iterator[None]:
        """Have a turn, where it is needed, until the block is left."""
        has_turn = needed and self._lock.acquire(timeout=_PATIENCE)
        try:
            yield
        finally:
            if has_turn:
                self._lock.release()


class AsyncTurns:
    """The turns of tasks."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def taken(self, *, needed: bool) -> AsyncIterator[None]:
        """Have a turn, where it is needed, until the block is left."""
        has_turn = needed and await self._has_turn()
        try:
            yield
        finally:
            if has_turn:
                self._lock.release()

    async def _has_turn(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._lock.acquire()
        except TimeoutError:
            return False
