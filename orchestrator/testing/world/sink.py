"""A sink that takes events as a test says, and remembers what it was told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.ports.sink import NotTaken

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.ports.outbox import KeptEvent


class ScriptedSink:
    """A :class:`~orchestrator.ports.sink.Sink` in memory.

    Args:
        name: its name.

    Attributes:
        told: every delivery that was taken, in order, repeated ones too.
        asked: every delivery that was tried, in order.
        wanted: says which types it wants; by default, all.
        answer: says what becomes of a delivery; by default, it is taken.
        seconds: how long each delivery takes.
    """

    timeout = 10.0
    most_at_once = 8

    def __init__(self, name: str = "sink") -> None:
        self.name = name
        self.told: list[KeptEvent] = []
        self.asked: list[KeptEvent] = []
        self.wanted: Callable[[str], bool] = lambda _kind: True
        self.answer: Callable[[KeptEvent], NotTaken | None] = lambda _event: None
        self.seconds: Callable[[KeptEvent], float] = lambda _event: 0.0

    def wants(self, kind: str) -> bool:
        """See the port."""
        return self.wanted(kind)

    async def tell(self, event: KeptEvent) -> NotTaken | None:
        """See the port."""
        self.asked.append(event)
        seconds = self.seconds(event)
        if seconds:
            await asyncio.sleep(min(seconds, self.timeout))
        if seconds > self.timeout:
            return NotTaken("no answer in time", answered=False)
        failure = self.answer(event)
        if failure is None:
            self.told.append(event)
        return failure

    async def close(self) -> None:
        """See the port."""
