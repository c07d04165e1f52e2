"""Cuts a backoff short when an operator wants the next attempt at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.engine.run.first_done import first_done
from orchestrator.engine.run.sending.waiting import Waits

if TYPE_CHECKING:
    from orchestrator.ports.clock import Clock


class InterruptibleBackoff:
    """The pauses of one saga.

    Attributes:
        waits: what it waits for, those pauses included.
    """

    __slots__ = ("_pauses", "waits")

    def __init__(self) -> None:
        self.waits = Waits()
        self._pauses: dict[asyncio.Future[None], None] = {}

    async def sleep(self, clock: Clock, seconds: float) -> None:
        """Let time pass, or be woken."""
        pause = asyncio.ensure_future(clock.sleep(seconds))
        self._pauses[pause] = None
        try:
            await first_done(pause)
        finally:
            self._pauses.pop(pause, None)
            pause.cancel()

    @property
    def holds(self) -> bool:
        """Some command waits for a pause to end."""
        return bool(self._pauses)

    def wake(self) -> bool:
        """End every pause now; whether there was any."""
        woken = bool(self._pauses)
        for pause in self._pauses:
            pause.cancel()
        return woken
