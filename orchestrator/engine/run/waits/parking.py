r"""Takes a saga that only waits, and for long, out of memory.

Purpose: a saga that waits for days costs neither memory nor a claim, whether it goes forward or back. Invariant:
parking is always safe, because what is journalled says where the saga stands; so nobody has to prove that it rests.
Where it did go on while it was being stopped, it is parked with a time that has come, and some replica goes on with it
at once.

::

    a wait rests, or what a queue holds ──▶ for two seconds, nothing changes ──▶ stopped, parked
          ▲                                 nothing else is under way        │
          │                                 no time is near                  │ something does
          └──────────────────────────────────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.engine.run.stop_control import Park
from orchestrator.journal.waiting import next_due

if TYPE_CHECKING:
    from orchestrator.engine.run.context import RunContext
    from orchestrator.engine.run.replay.gate import ReplayGate
    from orchestrator.engine.run.under_way import UnderWay
    from orchestrator.engine.run.waits.wait_execution import WaitExecution

PARK_AFTER_SECONDS: Final = 2.0
"""For so long a saga waits in memory; and one that is due in less stays there."""


class Parking:
    """Watches one run of a saga, forward or backward.

    Args:
        context: of the run.
        under_way: what it awaits.
        waits: which waits of the saga's code rest; ``None`` where no code runs.
        gate: of a recovered saga's code, which has a loop of its own; ``None`` without.
    """

    __slots__ = ("_context", "_gate", "_under_way", "_waits", "_watching")

    def __init__(
        self,
        context: RunContext,
        under_way: UnderWay,
        waits: WaitExecution | None = None,
        gate: ReplayGate | None = None,
    ) -> None:
        self._context = context
        self._under_way = under_way
        self._waits = waits
        self._gate = gate
        self._watching: asyncio.Future[None] | None = None
        context.sender.queued.on_rest = self.note_rest

    def note_rest(self) -> None:
        """A wait is about to rest, or something that a queue holds."""
        if self._watching is None or self._watching.done():
            loop = asyncio.get_running_loop() if self._gate is None else self._gate.loop.process
            self._watching = loop.create_task(self._watch())

    def close(self) -> None:
        """The run is over."""
        self._context.sender.queued.on_rest = None  # they refer to each other; parted, they cost no collection
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self) -> None:
        stop_control, before = self._context.stop_control, -1
        while stop_control.stop is None and self._under_way:
            if before == self._under_way.changes and self._only_rests() and not self._is_due_soon():
                stop_control.request_stop(Park())
                return
            before = self._under_way.changes
            await self._context.clock.sleep(PARK_AFTER_SECONDS)

    def _only_rests(self) -> bool:
        """All that is awaited rests."""
        waits = 0 if self._waits is None else self._waits.resting
        return len(self._under_way) == waits + self._context.sender.queued.resting

    def _is_due_soon(self) -> bool:
        due = next_due(self._context.writer.state)
        return due > 0 and due <= self._context.time.now() + int(PARK_AFTER_SECONDS * 1e9)
