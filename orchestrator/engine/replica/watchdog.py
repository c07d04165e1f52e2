r"""Watches the event loop from a thread of its own, and stops saga code that keeps the loop to itself.

Purpose: a ``while`` without a command in one saga must not take API, drain and all other sagas with it. Invariant: only
code of a saga is interrupted, never the engine's own, and a saga that could not be interrupted does not run again.

::

    the loop turns ──patience over──▶ stalled ──SIGURG to the main thread──▶ whose code is it?
         ▲                              │                                     │          │ the engine's: named in
         │ the saga is suspended        │            CodeFrozen is raised ◀── a saga's   ▼ the log, and asked again
         └──────────────────────────────│──────────────────┘
                                        │ it gets over that, or hangs in C: noted beside the journal for the next start
    SIGTERM, and no turn for the grace ─┴─▶ the process ends

That the running code belongs to a saga stands in a context variable, which no other thread can read; but a handler of a
signal runs in the main thread, between two of its instructions, in the context of whatever runs there. Signals reach us
through the wakeup pipe, which C code fills, so that SIGTERM is seen while the main thread gets no turn.

C code that never releases the interpreter's lock keeps this thread waiting too. So the kernel asks as well: each turn
of the loop sets a timer anew, and where the process then works for as long as the patience without another turn,
SIGVTALRM comes. A regular expression that tries for ever looks for signals, and is stopped so. The limit is C code that
does not even look for signals (``sum(range(10**12))``): only SIGKILL ends that.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self

from orchestrator.definition.context import running_saga
from orchestrator.engine.run.commands.command_issuer import CommandIssuer
from orchestrator.engine.run.forward.code import Forward
from orchestrator.engine.run.forward.frozen import ADVICE, CodeFrozen
from orchestrator.journal.logged import about_saga_id

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection
    from types import FrameType, TracebackType

_log = logging.getLogger(__name__)

_TICK_SECONDS: Final = 0.1
_MOST_INTERRUPTIONS: Final = 20
"""How often, a tick apart, saga code is interrupted before it counts as one that cannot be."""
_QUESTION: Final = signal.SIGURG  # ignored where no handler is set
_WORK: Final = signal.ITIMER_VIRTUAL
"""Counts the time for which the process works, in all of its threads, and not that for which it waits or is halted."""
_WORKED: Final = signal.SIGVTALRM
_STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class Frozen(NamedTuple):
    """Whose code keeps the loop: where it is, and of which saga, if it is one's."""

    where: str
    saga_id: str = ""
    definition: str = ""


class Note(Protocol):
    """What outlives the process."""

    def write(self, saga_id: str, where: str) -> None:
        """The code of this saga must not run again; may raise OSError."""

    def clear(self, saga_ids: Collection[str]) -> None:
        """These have yielded after all."""


class Watchdog:
    """Watches the loop of the main thread within a ``with`` block, in which that loop runs.

    Args:
        loop: the running loop.
        stop: called in the loop when the process is told to end, by SIGTERM or SIGINT.
        patience: seconds without a turn of the loop after which the code that runs is looked at.
        grace: seconds without a turn, after it was told to end, after which the process is ended.
        note: keeps which saga cannot be interrupted, and where it hangs.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stop: Callable[[], object],
        *,
        patience: float,
        grace: float,
        note: Note,
    ) -> None:
        self._loop = loop
        self._stop = stop
        self._patience = patience
        self._grace = grace
        self._note = note
        self._turns = 0
        self._turned_at = 0.0
        self._silent = 0.0
        self._silent_since_stop: float | None = None
        self._asked_at_turn = -1
        self._interruptions = 0
        self._found: Frozen | None = None
        self._told: Frozen | None = None
        self._noted = ""
        self._closed = False
        self._main = threading.main_thread().ident or 0
        self._handlers: dict[signal.Signals, Any] = {}
        self._reading, self._writing = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._writing.setblocking(False)
        self._handlers = {number: signal.signal(number, _heard) for number in _STOPPING}
        self._handlers[_QUESTION] = signal.signal(_QUESTION, self._answer)
        self._handlers[_WORKED] = signal.signal(_WORKED, self._worked)
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        self._turn()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed = True
        self._thread.join()
        signal.setitimer(_WORK, 0)
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._reading.close()
        self._writing.close()

    def _turn(self) -> None:
        """In the loop: it turns."""
        self._turns += 1
        if not self._closed:
            self._turned_at = time.monotonic()
            signal.setitimer(_WORK, self._patience, self._patience)
            self._loop.call_later(_TICK_SECONDS, self._turn)

    def _worked(self, number: int, frame: FrameType | None) -> None:
        """In the main thread: the process has worked for as long as the patience since the loop has turned."""
        if time.monotonic() - self._turned_at >= self._patience:  # else several threads have worked side by side
            self._silent = max(self._silent, self._patience)
            self._asked_at_turn = self._turns
            self._answer(number, frame)

    def _answer(self, _number: int, frame: FrameType | None) -> None:
        """In the main thread, between two instructions of whatever runs there: stop it, if it is a saga's code."""
        if self._asked_at_turn != self._turns or frame is None:
            return  # the loop has turned since
        self._asked_at_turn = -1
        running = running_saga.get(None)
        running = running if isinstance(running, CommandIssuer) else None
        self._found = whose(frame, running)
        if self._found.saga_id:
            raise CodeFrozen(self._told_as(self._found))

    def _run(self) -> None:
        """The watchdog's own thread. It counts its ticks: where the whole process is halted, none of them passes."""
        seen = -1
        while not self._closed:
            ready, _, _ = select.select([self._reading], [], [], _TICK_SECONDS)
            if ready and _STOPPING & set(self._reading.recv(4096)) and self._silent_since_stop is None:
                self._silent_since_stop = self._silent
                self._loop.call_soon_threadsafe(self._stop)
            if self._turns != seen:
                seen = self._turns
                self._turns_again()
                continue
            if ready:
                continue
            self._silent += _TICK_SECONDS
            if self._silent_since_stop is not None and self._silent - self._silent_since_stop >= self._grace:
                self._end()
            if self._silent >= self._patience:
                self._look(seen)

    def _turns_again(self) -> None:
        self._tell_culprit()
        if self._told is not None and not self._told.saga_id:
            _log.warning("the event loop turns again, after %.1f s", self._silent)
        self._silent = 0.0
        if self._silent_since_stop is not None:
            self._silent_since_stop = 0.0
        self._interruptions = 0
        self._found = self._told = None
        if self._noted:
            self._note.clear([self._noted])
            self._noted = ""

    def _look(self, turn: int) -> None:
        """The loop is stalled: say who keeps it, interrupt it, and where that does not help, note it."""
        self._asked_at_turn = turn
        signal.pthread_kill(self._main, _QUESTION)
        self._interruptions += 1
        if self._found is None and self._interruptions > 1:  # hangs in C
            self._found = self._sampled()
        self._tell_culprit()
        found = self._found
        if found is None or self._interruptions < _MOST_INTERRUPTIONS:
            return
        if found.saga_id and not self._noted:
            self._write_note(found)
        elif not found.saga_id and self._told is None:
            _log.warning("the event loop has not turned for %.1f s, at %s", self._silent, found.where)
            self._told = found

    def _tell_culprit(self) -> None:
        """Say once whose code it is; it may have been stopped before we came to that."""
        found, told = self._found, self._told
        if found is not None and found.saga_id and not (told is not None and told.saga_id):
            about = about_saga_id(found.saga_id)
            _log.critical("saga %s (%s): %s", found.saga_id, found.definition, self._told_as(found), extra=about)
            self._told = found

    def _sampled(self) -> Frozen | None:
        """What the main thread does, seen from here: its instruction does not end."""
        frame = sys._current_frames().get(self._main)  # noqa: SLF001 - documented, for this very purpose
        if frame is None:
            return None
        caller: FrameType | None = frame
        while caller is not None and caller.f_code is not Forward.run.__code__:
            caller = caller.f_back
        return whose(frame, None if caller is None else caller.f_locals["self"].issuer)

    def _write_note(self, found: Frozen) -> None:
        self._noted = found.saga_id
        _log.critical(
            "saga %s (%s): its code cannot be interrupted; end the process (SIGTERM, then SIGKILL): "
            "the replica that recovers the saga suspends it before its code runs",
            found.saga_id,
            found.definition,
        )
        with contextlib.suppress(OSError):
            self._note.write(found.saga_id, self._told_as(found))

    def _end(self) -> None:
        found = self._found or self._sampled()
        if found is not None and found.saga_id and not self._noted:
            self._write_note(found)
        where = f" at {found.where}" if found is not None else ""
        _log.critical("told to end, but the event loop does not turn%s: the watchdog ends the process", where)
        logging.shutdown()
        os._exit(1)

    def _told_as(self, found: Frozen) -> str:
        return f"the code has not yielded for {self._silent:.0f} s, at {found.where}: {ADVICE}"


def whose(frame: FrameType, running: CommandIssuer | None) -> Frozen:
    """Whose code runs in a frame: that of the saga, of a library that the saga calls, or other code.

    Args:
        frame: the innermost one.
        running: the saga in whose context it runs.
    """
    innermost = Frozen(_place(frame))
    if running is None:
        return innermost
    own = running.definition.function.__module__
    outer: FrameType | None = frame
    place = frame
    while outer is not None:
        module = str(outer.f_globals.get("__name__", ""))
        if module == own:
            return Frozen(_place(outer), running.saga_id, str(running.definition))
        if _is_ours(module):
            # A branch of the saga is called by the loop; what the engine calls is the engine's.
            called_by_loop = outer is not frame and not module.startswith("orchestrator")
            return Frozen(_place(place), running.saga_id, str(running.definition)) if called_by_loop else innermost
        place, outer = outer, outer.f_back
    return innermost


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in {"asyncio", "uvloop", "orchestrator"}


def _place(frame: FrameType) -> str:
    path, here = Path(frame.f_code.co_filename), Path.cwd()
    file = path.relative_to(here) if path.is_relative_to(here) else path
    return f"{file}:{frame.f_lineno} in {frame.f_code.co_qualname}"


def _heard(_number: int, _frame: FrameType | None) -> None:
    """The wakeup pipe has it."""
