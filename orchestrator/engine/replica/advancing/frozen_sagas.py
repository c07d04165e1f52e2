"""Sagas whose code kept the loop of their process to itself until the process was ended: they are suspended instead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.engine.run.stop_control import Stop
    from orchestrator.ports.frozen_note import FrozenNote


class FrozenSagas:
    """What one replica knows of such sagas.

    Attributes:
        note: tells where the code of sagas hung when their process was ended; ``None`` where nobody notes it.
        where: what it told, by the saga's id.
    """

    def __init__(self) -> None:
        self.note: FrozenNote | None = None
        self.where: dict[str, str] = {}
        self._clearing: asyncio.Future[None] | None = None

    async def read(self) -> None:
        """Sagas were claimed, and may be among those that the note tells of."""
        if self.note is not None:
            self.where = await asyncio.to_thread(self.note.read)

    def take(self, saga_id: str) -> str:
        """Where the code of this saga hung, if it did; told once."""
        return self.where.pop(saga_id, "")

    def forget(self, saga_id: str, stopped: asyncio.Future[Stop | None]) -> None:
        """The saga is durably suspended, unless the journal failed."""
        if self.note is not None and stopped.exception() is None and stopped.result() is None:
            self._clearing = asyncio.ensure_future(asyncio.to_thread(self.note.clear, [saga_id]))
