"""Carries out what a saga's code waits for besides its commands: sleeps, signals, blocks with a time limit.

Purpose: turns each call of the language into a wait of the journal; answers from the journal what it already holds.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from orchestrator.engine.run.issued import Issued
from orchestrator.engine.run.time_limit import TimeLimit
from orchestrator.engine.run.waits.parking import Parking
from orchestrator.engine.run.waits.wait_execution import WaitExecution
from orchestrator.errors import SignalTimedOut
from orchestrator.journal.waiting import matches
from orchestrator.journal.waits import WaitEnd

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from google.protobuf.message import Message

    from orchestrator.engine.run.context import RunContext
    from orchestrator.engine.run.issuing import Issuing
    from orchestrator.journal.waits import WaitState

M = TypeVar("M", bound="Message")

TIMEOUT: Final = "timeout"
"""The name in the keys of blocks with a time limit."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class WaitIssuer:
    """The waits of one saga's code.

    Args:
        context: of its run.
        issuing: which commands and waits are under way.

    Attributes:
        parking: takes the saga out of memory where it only waits.
    """

    __slots__ = ("_context", "_execution", "_issuing", "parking")

    def __init__(self, context: RunContext, issuing: Issuing) -> None:
        self._context = context
        self._issuing = issuing
        self._execution = WaitExecution(context)
        self.parking = Parking(context, issuing.under_way, self._execution, issuing.gate)

    @property
    def is_stopping(self) -> bool:
        """The saga's code is to stop."""
        return self._context.stop_control.stop is not None

    async def await_stop(self) -> NoReturn:
        """Wait to be stopped."""
        await self._context.stop_control.await_stop()

    def wake(self) -> None:
        """A signal has come: let the waits look whether it is theirs."""
        self._execution.wake()

    def sleep(self, until: timedelta | datetime) -> Awaitable[None]:
        """Fix the key of a timer; awaiting what comes back waits for it."""
        return Issued(self._slept(self._key("sleep"), until))

    def signal(self, name: str, message: type[M], timeout: timedelta | None) -> Awaitable[M]:
        """Fix the key of a wait for a signal; awaiting what comes back waits for it."""
        return Issued(self._signalled(self._key(f"signal:{name}"), name, message, timeout))

    def timeout(self, span: timedelta) -> TimeLimit:
        """A block that may take so long."""
        return TimeLimit(self, _nanoseconds(span))

    def begin_limit(self, span: int) -> WaitState:
        """Fix the key of a block, and begin its wait, unless the journal holds it; it is written with what follows."""
        key = self._issuing.next_key(TIMEOUT)
        wait = self._context.writer.state.waits.get(key)
        if wait is None:
            return self._execution.begin(key, "", "", self._context.time.after(max(0, span)))
        if self._issuing.gate is not None:
            self._issuing.gate.note_asked(key)
        return wait

    async def limit_passes(self, wait: WaitState) -> bool:
        """Wait until the time of a block is over, and journal that; whether it is."""
        gate = self._issuing.gate
        if gate is not None and not gate.is_live and wait.how is not WaitEnd.LEFT:
            await gate.turn(wait.key)
        while wait.how is None:
            if self.is_stopping:
                return False
            if self._has_answers_on_their_way():
                await self._issuing.outside(self._context.clock.sleep(0))
            elif not self._execution.settle(wait):
                await self._issuing.outside(self._context.time.sleep_until(wait.due_at))
        return wait.how is WaitEnd.DUE

    def end_wait(self, wait: WaitState, how: WaitEnd) -> None:
        """Journal the end of a wait."""
        self._execution.end(wait, how)

    def _key(self, name: str) -> str:
        key = self._issuing.next_key(name)
        self._issuing.unawaited.add(key)
        return key

    async def _slept(self, key: str, until: timedelta | datetime) -> None:
        await self._ended(key, "", "", until)

    async def _signalled(self, key: str, name: str, message: type[M], timeout: timedelta | None) -> M:  # noqa: ASYNC109 - journalled
        kind = message.DESCRIPTOR.full_name
        wait = await self._ended(key, name, kind, timeout)
        if wait.how is WaitEnd.DUE:
            raise SignalTimedOut(key, name)
        return message.FromString(self._context.writer.state.signals[wait.request_id].payload)

    async def _ended(self, key: str, signal: str, kind: str, until: timedelta | datetime | None) -> WaitState:
        """A wait, once it has ended: as the journal says, or as it comes."""
        with self._issuing.awaited(key):
            if self.is_stopping:
                await self.await_stop()
            wait = self._context.writer.state.waits.get(key)
            if wait is not None and wait.message_type != kind:
                await self._issuing.diverge(f"{key}: the journal holds {wait.message_type}; the code now takes {kind}")
            try:
                await self._issuing.turn(key)
                if wait is None:
                    wait = self._execution.begin(key, signal, kind, self._due_at(until))
                while not self._execution.settle(wait):
                    self.parking.note_rest()
                    await self._issuing.outside(self._execution.rest(wait))
            except asyncio.CancelledError:
                if wait is not None and wait.how is None and not self.is_stopping:
                    self.end_wait(wait, WaitEnd.LEFT)
                raise
            if wait.how is WaitEnd.LEFT:
                await self._issuing.diverge(f"the code waits for {key}; the journal says that it had left that")
            return wait

    def _due_at(self, until: timedelta | datetime | None) -> int:
        """When the time of a wait that begins now comes; 0 for never."""
        match until:
            case None:
                return 0
            case timedelta():
                return self._context.time.after(max(0, _nanoseconds(until)))
            case datetime():
                return max(1, _nanoseconds(until - _EPOCH))

    def _has_answers_on_their_way(self) -> bool:
        """Some outcome or signal is there, and the code has not been given it yet."""
        state, under_way = self._context.writer.state, self._issuing.under_way
        answered = any(key in under_way and command.outcome is not None for key, command in state.commands.items())
        return answered or any(wait.key in under_way for wait, _ in matches(state))


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
