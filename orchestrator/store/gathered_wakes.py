"""The wakes that gather until somebody takes them: those to be told to others, and those that others have told.

Invariant: however many gather, they take no more room than a hundred ids of each kind; beyond, they are about any saga.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.ports.wakes import Wake

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.ports.wakes import Woken

_MOST_IDS: Final = 100


class GatheredWakes:
    """Gathers wakes."""

    def __init__(self) -> None:
        self._gathered: dict[Wake, dict[str, None] | None] = {}
        self._is_any = asyncio.Event()

    def add(self, kind: Wake, saga_ids: Iterable[str] = ()) -> None:
        """There is something to look for, at these sagas; at any, where none is named."""
        known = self._gathered.setdefault(kind, {})
        named = dict.fromkeys(saga_ids)
        if known is not None:
            known |= named
            if not named or len(known) > _MOST_IDS:
                self._gathered[kind] = None
        self._is_any.set()

    def add_all(self) -> None:
        """There may be everything to look for, at any saga."""
        for kind in Wake:
            self.add(kind)

    def take_now(self) -> Woken:
        """What has gathered, perhaps nothing."""
        gathered, self._gathered = self._gathered, {}
        self._is_any.clear()
        return {kind: tuple(saga_ids or ()) for kind, saga_ids in gathered.items()}

    async def any(self) -> None:
        """Wait until something has gathered."""
        await self._is_any.wait()

    async def take(self) -> Woken:
        """What has gathered, as soon as something has."""
        await self.any()
        return self.take_now()
