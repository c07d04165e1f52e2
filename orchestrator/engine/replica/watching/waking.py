"""Has a replica look at once where others have done something.

Purpose: what one replica does, another one notices within milliseconds. Invariant: nothing waits for a wake alone;
what looks when woken also looks after a pause, see :class:`~orchestrator.engine.replica.pause.Pause`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from orchestrator.ports.wakes import Wake, Wakes

Look: TypeAlias = "Callable[[Collection[str]], None]"
"""Called with the ids of the sagas that there is something to see at; with none where it may be any."""


class Waking:
    """Passes on what the store tells a replica.

    Args:
        wakes: the store.
    """

    def __init__(self, wakes: Wakes) -> None:
        self._wakes = wakes
        self._looks: dict[Wake, Look] = {}
        self._listening: asyncio.Task[None] | None = None

    def on(self, kind: Wake, look: Look) -> None:
        """From now on, call this for such wakes."""
        self._looks[kind] = look

    def open(self) -> None:
        """Begin to listen."""
        self._listening = asyncio.ensure_future(self._listen())

    def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()

    async def _listen(self) -> None:
        while True:
            for kind, saga_ids in (await self._wakes.woken()).items():
                if kind in self._looks:
                    self._looks[kind](saga_ids)
