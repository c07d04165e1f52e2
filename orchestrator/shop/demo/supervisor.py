"""The processes of the procfile, for as long as a developer wants to try things with them.

A process that the developer kills, or tells to end, is started again: to try what that does is what the processes are
for. One that gives up could not do its work, and would give up again: then all of them are stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

from orchestrator.contract.addresses import split_address
from orchestrator.shop.demo.procfile import COMMANDS, ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

_COLOURS: Final = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94, 37)
_STOP_SECONDS: Final = 10
_PAUSE_SECONDS: Final = 0.5
_POLL_SECONDS: Final = 0.1
_STOPPED: Final = frozenset({0, -signal.SIGTERM})


class Supervisor:
    """Runs all processes of the procfile, or others, and prints what they say, each line under the name of its process.

    Args:
        environment: theirs, whole, but that they find the commands of this Python first.
        commands: what a shell runs, by the name of the process.
        first: those that the others need, and where each of them listens: they are started before the others, and
            stopped after them.
        prepare: is awaited once the first ones listen, before the others are started.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        commands: Mapping[str, str] = COMMANDS,
        first: Mapping[str, str] | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        path = f"{os.path.dirname(sys.executable)}{os.pathsep}{environment.get('PATH', os.defpath)}"  # noqa: PTH120
        self._environment = {**environment, "PATH": path, "PYTHONUNBUFFERED": "1"}
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._commands = commands
        self._first = dict(first or {})
        self._prepare = prepare
        self._colours = dict(zip(commands, itertools.cycle(_COLOURS), strict=False))
        self._stopping = False

    async def run(self) -> str:
        """Run them until one gives up; which one, and how."""
        runs = [asyncio.ensure_future(self._keep(name)) for name in self._first]
        listening = asyncio.ensure_future(self._ready())
        try:
            await asyncio.wait((*runs, listening), return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
                runs += [asyncio.ensure_future(self._keep(name)) for name in self._commands if name not in self._first]
            done, _ = await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for run in (*runs, listening):
                run.cancel()

    async def _ready(self) -> None:
        await all_listen(self._first.values())
        if self._prepare is not None:
            await self._prepare()

    async def stop(self) -> bool:
        """Let all of them finish what they are at, and end; whether that went well."""
        self._stopping = True
        needed = {name: process for name, process in self._running.items() if name in self._first}
        others = {name: process for name, process in self._running.items() if name not in self._first}
        ends = [
            *await asyncio.gather(*(self._end(name, process) for name, process in others.items())),
            *await asyncio.gather(*(self._end(name, process) for name, process in needed.items())),
        ]
        return all(ends)

    async def _keep(self, name: str) -> str:
        """Run one, again after each time that it was ended, until it gives up; how it did."""
        while not self._stopping:
            process = await asyncio.create_subprocess_shell(
                self._commands[name],
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                # Ctrl-C reaches us alone, and we stop the processes in order.
                start_new_session=True,
            )
            self._running[name] = process
            self._print(name, f"started (pid={process.pid})")
            await asyncio.shield(asyncio.ensure_future(self._relay(name, process)))
            code = await process.wait()
            if self._stopping:
                await asyncio.get_running_loop().create_future()
            if code > 0:
                return f"{name} gave up (rc={code})"
            how = f"killed by {signal.Signals(-code).name}" if code else "told to end"
            self._print(name, f"{how}; it is started again")
            await asyncio.sleep(_PAUSE_SECONDS)
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await never

    async def _relay(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._print(name, line.decode(errors="replace").rstrip())

    async def _end(self, name: str, process: asyncio.subprocess.Process) -> bool:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            code = await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            code = await process.wait()
        self._print(name, f"stopped (rc={code})")
        return code in _STOPPED

    def _print(self, name: str, line: str) -> None:
        width = max(map(len, self._commands))
        shown = f"{name:<{width}}"
        if sys.stdout.isatty():
            shown = f"\x1b[{self._colours[name]}m{shown}\x1b[0m"
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(f"{shown} | {line}", flush=True)


async def all_listen(addresses: Iterable[str]) -> None:
    """Return as soon as a program listens at each address."""
    for address in addresses:
        host, port = split_address(address)
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                writer.close()
                break


def taken(addresses: Mapping[str, str]) -> Iterable[str]:
    """Which of the addresses other programs listen on, by the names of the processes that are to."""
    for name, address in addresses.items():
        host, port = split_address(address)
        try:
            family, kind, protocol, _, target = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(target)
                probe.listen()
        except (OSError, ValueError) as error:
            yield f"{name} cannot listen on {address}: {getattr(error, 'strerror', None) or error}"
