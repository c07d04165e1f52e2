"""What the commands and the waits of one saga's code have in common: their keys, and which of them are under way.

Invariant: a key is fixed when the call is made, ``<scope/>Service.Method#n`` or ``<scope/>sleep#n``, so the order in
which parallel branches get their turn changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from orchestrator.definition.context import scope_path
from orchestrator.engine.run.stop_control import diverged
from orchestrator.engine.run.under_way import UnderWay
from orchestrator.journal.keys import LONGEST_KEY, bounded

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from orchestrator.engine.run.context import RunContext
    from orchestrator.engine.run.replay.gate import ReplayGate

T = TypeVar("T")


class Issuing:
    """What the code of one saga has asked for.

    Args:
        context: of its run.
        gate: of a recovered saga: gives the code what the journal holds.

    Attributes:
        gate: as given.
        unawaited: the keys of what the code has called and not awaited yet.
        under_way: the keys of what it awaits at this moment.
    """

    __slots__ = ("_calls", "_context", "_waiting", "gate", "unawaited", "under_way")

    def __init__(self, context: RunContext, gate: ReplayGate | None) -> None:
        self._context = context
        self._calls: dict[str, int] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self.gate = gate
        self.unawaited: set[str] = set()
        self.under_way = UnderWay()

    def next_key(self, name: str, longest: int = LONGEST_KEY) -> str:
        """The key of the next call of this name in the scope of the code that is running, in so many characters."""
        prefix = f"{scope_path.get()}{name}"
        number = self._calls.get(prefix, 0) + 1
        self._calls[prefix] = number
        key = f"{prefix}#{number}"
        state = self._context.writer.state
        if len(key) <= longest or key in state.commands or key in state.values:
            return key
        return bounded(key, longest)

    @contextlib.contextmanager
    def awaited(self, key: str) -> Iterator[None]:
        """Within, the code awaits what it has called."""
        self.unawaited.discard(key)
        self.under_way.begin(key)
        try:
            yield
        finally:
            self.under_way.end(key)
            self._wake()

    async def turn(self, key: str) -> None:
        """Wait until the journalled outcome is due or, where the journal holds none, until the code is live."""
        stop_control = self._context.stop_control
        if self.gate is not None and not self.gate.is_live:
            await stop_control.interruptible(self.gate.turn(key))
            if stop_control.stop is not None:
                await stop_control.await_stop()

    async def outside(self, work: Coroutine[Any, Any, T]) -> T:
        """Await what waits for the world: the code of a recovered saga has a loop of its own, beside the process's."""
        return await (work if self.gate is None else self.gate.loop.outside(work))

    async def diverge(self, message: str) -> NoReturn:
        """Stop here and now: no handler of the code's own may get over it."""
        self._context.stop_control.request_stop(diverged(message))
        await self._context.stop_control.await_stop()

    async def next_settled(self) -> None:
        """Wait until something that was under way is so no more."""
        # No asyncio.Event, which belongs to one loop: the code of a recovered saga has one of its own.
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    async def branches_end(self) -> None:
        """The code has returned: wait for what a gather or a TaskGroup that failed may have left behind."""
        while self.under_way:
            await self.next_settled()
        await self._context.stop_control.idle()

    async def missing(self) -> list[str]:
        """What the journal holds and the code, come to rest, has not asked for: the keys."""
        return [] if self.gate is None else await self.gate.missing()

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()
