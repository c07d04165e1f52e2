r"""Takes a saga that only waits, and for long, out of memory.

Purpose: a saga that waits for days costs neither memory nor a claim. Invariant: parking is always safe, because what is
journalled says where the saga stands; so nobody has to prove that the code rests. Where it did go on while it was being
stopped, it is parked with a time that has come, and some replica goes on with it at once.

::

    a wait rests, or a command in its queue ──▶ for two seconds, nothing changes ──▶ stopped, parked
          ▲                                     nothing else is under way        │
          │                                     no time is near                  │ something does
          └──────────────────────────────────────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.engine.run.stop_control import Park
from orchestrator.journal.waiting import next_due

if TYPE_CHECKING:
    from orchestrator.engine.run.context import RunContext
    from orchestrator.engine.run.issuing import Issuing
    from orchestrator.engine.run.waits.wait_execution import WaitExecution

PARK_AFTER_SECONDS: Final = 2.0
"""For so long a saga waits in memory; and one that is due in less stays there."""


class Parking:
    """Watches the waits of one saga.

    Args:
        context: of its run.
        issuing: which commands and waits are under way.
        waits: which waits rest.
    """

    __slots__ = ("_context", "_issuing", "_waits", "_watching")

    def __init__(self, context: RunContext, issuing: Issuing, waits: WaitExecution) -> None:
        self._context = context
        self._issuing = issuing
        self._waits = waits
        self._watching: asyncio.Future[None] | None = None
        context.sender.queued.on_rest = self.note_rest

    def note_rest(self) -> None:
        """A wait is about to rest."""
        if self._watching is None or self._watching.done():
            gate = self._issuing.gate
            loop = asyncio.get_running_loop() if gate is None else gate.loop.process
            self._watching = loop.create_task(self._watch())

    def close(self) -> None:
        """The saga is advanced here no more."""
        self._context.sender.queued.on_rest = None  # they refer to each other; parted, they cost no collection
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self) -> None:
        stop_control, before = self._context.stop_control, -1
        while stop_control.stop is None and self._issuing.under_way:
            if before == self._issuing.changes and self._only_waits() and not self._is_due_soon():
                stop_control.request_stop(Park())
                return
            before = self._issuing.changes
            await self._context.clock.sleep(PARK_AFTER_SECONDS)

    def _only_waits(self) -> bool:
        """All that the code awaits rests."""
        return len(self._issuing.under_way) == self._waits.resting + self._context.sender.queued.resting

    def _is_due_soon(self) -> bool:
        due = next_due(self._context.writer.state)
        return due > 0 and due <= self._context.time.now() + int(PARK_AFTER_SECONDS * 1e9)
