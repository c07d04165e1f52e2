r"""What one workflow hands to the server at once, kept within what the server takes.

Purpose: neither a large message nor many of them at once end a workflow. Invariant: entries stand in the history in
order, and before what depends on them.

::

    entries, beside a request ──fit──▶ go with it
                              ──do not──▶ go before it, in pieces, each by an activity that does nothing else
    so much in this task of the workflow that the server would refuse its answer ──▶ a moment passes: the next task

The server takes 2 MB in all payloads of one command together, and 4 MB in all commands of one task. A workflow that
hands over more does not go on: its tasks fail for ever, or it is failed. What acts say is accepted in the same answer,
at once; so it is small, and for as many acts as may come there is room besides.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from temporalio import workflow

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.wire import cut

_MOST_IN_TASK_BYTES: Final = 3_000_000
_MOMENT_SECONDS: Final = 0.01
_KEPT: Final = timedelta(minutes=1)


class Outgoing:
    """What one workflow hands over."""

    def __init__(self) -> None:
        self._task = 0
        self._in_task = 0

    async def carry(self, delta: bytes, beside: int, most: int) -> bytes:
        """What of some entries is to go with other bytes: all of it, or nothing, where it has gone before.

        Args:
            delta: the entries.
            beside: how many other bytes there are.
            most: so many may go together.
        """
        if len(delta) + beside > most:
            for piece in cut(delta):
                await self.have_room(len(piece))
                workflow.start_activity(names.KEEP, args=[piece], start_to_close_timeout=_KEPT)
            delta = b""
        await self.have_room(len(delta) + beside)
        return delta

    async def have_room(self, size: int) -> None:
        """Wait until so many bytes may be handed over, which is then done at once."""
        while True:
            task = workflow.info().get_current_history_length()
            if task != self._task:
                self._task, self._in_task = task, 0
            if not self._in_task or self._in_task + size <= _MOST_IN_TASK_BYTES:
                break
            await asyncio.sleep(_MOMENT_SECONDS)
        self._in_task += size
