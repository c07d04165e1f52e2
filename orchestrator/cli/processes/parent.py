r"""Keeps so many replicas running: starts them, starts again those that die, and ends them all.

Purpose: one command, and one process to signal, for several replicas. Invariant: no replica outlives this process, and
none is started after this process was told to end.

::

    the first ──listens──▶ the others start ──▶ all listen ◀──────── started again, after a pause ──┐
       │                                         │     │                                            │
       │ ended before it listened                │     └── one dies, or is told to end ─────────────┘
       ▼                                         │
    gives up ◀── so many starts have failed, ────┘── SIGTERM or SIGINT: all drain ──▶ ends
                 and no replica listens

The first one starts alone: what keeps it from starting would keep all of them, and is told once.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.cli.processes.child import LISTENING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence

_log = logging.getLogger("orchestrator")

PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before a replica is started again: the first after a long life, the next ones after each short one."""
_LONG_LIFE_SECONDS: Final = 30.0
MOST_FAILED_STARTS: Final = 5
"""Of one replica, in a row, while no replica listens: then starting them cannot work."""
_STOPPED: Final = frozenset({0, -signal.SIGTERM})


@dataclass(frozen=True)
class _Replica:
    """A process, and the socket that ends with either side."""

    process: Process
    socket: socket.socket

    async def listens(self) -> bool:
        """Whether it takes calls, as soon as it tells; false where it ended before."""
        with suppress(ConnectionError):
            return await asyncio.get_running_loop().sock_recv(self.socket, 1) == LISTENING
        return False

    async def ended(self) -> int:
        """How it ended, once it has; negative for a signal."""
        code = await self.process.wait()
        self.socket.close()
        return code

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class ParentOfReplicas:
    """Runs replicas until it is told to end.

    Args:
        count: how many.
        command: what each is; ``--replica`` and its number, from 1, are added.
        patience: seconds that a replica may take to drain before it is killed.
    """

    def __init__(self, count: int, command: Sequence[str], *, patience: float) -> None:
        self._count = count
        self._command = command
        self._patience = patience
        self._stopping = asyncio.Event()
        self._one_listens = asyncio.Event()
        self._replicas: dict[int, _Replica] = {}
        self._listening: set[int] = set()

    async def run(self) -> int:
        """The exit code: 0 where it was told to end and all replicas have drained."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        keeping = [asyncio.create_task(self._keep(number)) for number in range(1, self._count + 1)]
        told = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({told, *keeping}, return_when=asyncio.FIRST_COMPLETED)
        gave_up = not self._stopping.is_set()
        self._stopping.set()
        self._signal_all(signal.SIGTERM)
        late = loop.call_later(self._patience, self._signal_all, signal.SIGKILL)
        ends = await asyncio.gather(*keeping)
        late.cancel()
        return 1 if gave_up or not _STOPPED.issuperset(ends) else 0

    async def _keep(self, number: int) -> int:
        """Run one replica, again after each end, until all are to end; how the last run ended."""
        if number > 1 and not await self._before_the_end(self._one_listens):
            return 0
        code, short_lives, failed_starts = 0, 0, 0
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            listened, code = await self._run_once(number)
            if self._stopping.is_set():
                return code
            failed_starts = 0 if listened else failed_starts + 1
            if failed_starts and self._is_no_use(failed_starts):
                _log.error("replica %d %s before it listened, and no replica listens: giving up", number, _how(code))
                return code
            lived = asyncio.get_running_loop().time() - began
            short_lives = 0 if lived >= _LONG_LIFE_SECONDS else short_lives + 1
            pause = PAUSES[min(short_lives, len(PAUSES)) - 1 if short_lives else 0]
            _log.warning("replica %d %s; it is started again in %g s", number, _how(code), pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
        return code

    async def _run_once(self, number: int) -> tuple[bool, int]:
        """Whether a replica came to listen, and how it ended."""
        replica = await self._spawn(number)
        if self._stopping.is_set():  # it was not there yet when all were told
            replica.signal(signal.SIGTERM)
        listened = await replica.listens()
        if listened:
            self._listening.add(number)
            self._one_listens.set()
            if len(self._listening) == self._count:
                _log.info("all %d replicas listen", self._count)
        code = await replica.ended()
        self._listening.discard(number)
        return listened, code

    async def _spawn(self, number: int) -> _Replica:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(*self._command, "--replica", str(number)),
                stdin=theirs.fileno(),
                process_group=0,  # Ctrl-C reaches us alone
            )
        _log.info("replica %d started (pid=%d)", number, process.pid)
        replica = self._replicas[number] = _Replica(process, ours)
        return replica

    def _is_no_use(self, failed_starts: int) -> bool:
        """Whether a replica need not be started again whose last starts have failed."""
        return not self._listening and (not self._one_listens.is_set() or failed_starts >= MOST_FAILED_STARTS)

    async def _before_the_end(self, event: asyncio.Event) -> bool:
        """Wait for an event; false where all are to end before."""
        either = [asyncio.ensure_future(each.wait()) for each in (event, self._stopping)]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        for each in either:
            each.cancel()
        return not self._stopping.is_set()

    def _signal_all(self, number: signal.Signals) -> None:
        for replica in self._replicas.values():
            replica.signal(number)


def _how(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with {code}"
