r"""Gives a recovered saga's code the journalled outcomes in the order in which it once got them, then lets it go on.

Purpose: recovery runs the saga's code from the top; commands and waits whose outcome is journalled answer from the
journal. Invariant: nothing is sent, neither a new command nor one in doubt, while the journal still holds one that the
code has not asked for; if the code comes to rest like that, it no longer matches its journal. After the pivot, what is
in doubt may be one that an operator has reopened, so it is sent although others wait for it.

::

                       ┌─ an outcome that the code waits for is journalled: the earliest of them is given ◀─┐
    the code rests ──▶─┤                                                                                    │
                       ├─ what it waits for is new, or in doubt, and nothing is left: live ──▶ it is sent   │
                       └─ something is left that it has not asked for: diverged                             │
                                       ▲──────────────── the code goes on, and comes to rest ───────────────┘

That the code rests, the loop on which it is replayed knows: :mod:`orchestrator.engine.run.replay.loop`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from orchestrator.contract.redaction import redacted
from orchestrator.engine.run.replay.loop import ReplayLoop
from orchestrator.engine.run.stop_control import diverged

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from google.protobuf.message import Message

    from orchestrator.engine.bindings.binding import Binding
    from orchestrator.engine.run.stop_control import Stop, StopControl
    from orchestrator.journal.state import CommandState, SagaState


class ReplayGate:
    """What of a journal the code has not asked for yet, and what it waits for.

    Args:
        state: the saga, as its journal says.

    Attributes:
        is_live: the code has asked for all that is journalled, and goes on from there.
        at_end: called with the commands that are in doubt or new, once nothing else is left to replay; they are held
            until :meth:`go_live`. By default that comes at once.
        diverge: called with what the code does, and with what the journal goes on with instead.
        stuck: called when the code rests and waits for nothing that a journal could answer.
    """

    def __init__(self, state: SagaState) -> None:
        self._state = state
        published = (name for name, event in state.events.by_key.items() if not event.child)
        self._unasked = {*state.commands, *state.waits, *published}
        self._outcomes = dict(state.settled)
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._resting: list[asyncio.Future[None]] = []
        self.is_live = False
        self.at_end: Callable[[list[str]], None] | None = None
        self.diverge: Callable[[str], None] = lambda _message: None
        self.stuck: Callable[[], None] = lambda: None
        self.loop = ReplayLoop(asyncio.get_running_loop(), self._at_rest)

    def note_asked(self, key: str) -> None:
        """The code has come to the command, the wait or the event with this key."""
        self._unasked.discard(key)

    async def turn(self, key: str) -> None:
        """The code asks for a command or waits: wait until the outcome is due or, if there is none yet, until live."""
        self.note_asked(key)
        if self.is_live:
            return
        self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            await self._waiting[key]
        finally:
            self._waiting.pop(key, None)

    async def missing(self) -> list[str]:
        """Wait until the code has come to rest; the journalled commands that it has not asked for, if any."""
        if not self.is_live:
            self._resting.append(asyncio.get_running_loop().create_future())
            await self._resting[-1]
        return sorted(self._unasked)

    def go_live(self) -> None:
        """Hold nothing back any more."""
        self.is_live = True
        for held in self._waiting.values():
            _wake(held)

    def _at_rest(self) -> None:
        if self.is_live:
            return
        due = next((key for key in self._outcomes if key in self._waiting), None)
        if due is not None:
            del self._outcomes[due]
            _wake(self._waiting[due])
        elif self._resting:
            for resting in self._resting:
                _wake(resting)
            self._resting.clear()
        elif self._waiting:
            self._end()
        else:
            self.stuck()

    def _end(self) -> None:
        """All that the code waits for is new or in doubt."""
        state = self._state
        new = [key for key in self._waiting if key not in state.commands and key not in state.waits]
        may_be_reopened = state.pivoted and any(key in state.commands for key in self._waiting)
        if self._unasked and not may_be_reopened:
            does = f"now calls {new[0]}" if new else f"waits for {next(iter(self._waiting))}"
            self.diverge(f"the code {does}; the journal goes on with {', '.join(sorted(self._unasked))}")
        elif self.at_end is not None:
            self.at_end(list(self._waiting))
        else:
            self.go_live()


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def mismatch(command: CommandState, binding: Binding, request: bytes) -> str | None:
    """How what the code sends now differs from what the journal holds, with both sides shown; None where it does not.

    Args:
        command: as the journal holds it.
        binding: what the code calls now.
        request: what the code sends now, serialized. Other bytes for the same message are no difference.
    """
    if command.method != binding.name:
        return f"{command.key}: the journal holds {command.method}; the code now sends {binding.name}"
    if command.request == request:
        return None
    message = binding.command.request
    journalled, now = message.FromString(command.request), message.FromString(request)
    if journalled == now:
        return None
    return f"{command.key}: the journal holds {{{_brief(journalled)}}}; the code now sends {{{_brief(now)}}}"


def _brief(message: Message) -> str:
    return " ".join(str(redacted(message)).split())


async def replayed(run: Coroutine[Any, Any, Stop | bytes], gate: ReplayGate, stop_control: StopControl) -> Stop | bytes:
    """Run a recovered saga's code on its gate's loop, to its end; the calling task is the saga's own otherwise."""
    own = asyncio.current_task()
    assert own is not None
    gate.diverge = lambda message: stop_control.request_stop(diverged(message))
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    code = gate.loop.create_task(run)
    stop_control.attach(code)

    def note_ended(_: object) -> None:
        gate.is_live = True  # nothing is left to be replayed
        gate.loop.leave_alone()
        _wake(ended)

    code.add_done_callback(note_ended)
    try:
        await ended
    except asyncio.CancelledError:
        code.cancel()
        raise
    finally:
        stop_control.attach(own)
    if code.cancelled() and stop_control.stop is not None:
        return stop_control.stop  # before it had begun
    return code.result()
