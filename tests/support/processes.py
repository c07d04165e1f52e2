"""Services as real processes on free ports."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc.aio

from tests.support.repository import ROOT
from tests.support.served import LISTENING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PATIENCE = 30
_ANSWERS_HTTP = re.compile(r"answers HTTP at (\S+)$")


class Words:
    """What a process says, line by line. It is read as it is said: who writes into a pipe that is full stands still.

    Attributes:
        said: the lines so far; all of them, once the process has ended.
    """

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self.said: list[str] = []
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read(stream))

    async def _read(self, stream: asyncio.StreamReader) -> None:
        try:
            async for line in stream:
                self.said.append(line.decode().rstrip())
                self._more.set()
        finally:
            self._more.set()

    async def until(self, wanted: Callable[[str], object]) -> str:
        """The first line so far, or from now on, that is wanted."""
        looked_at = 0
        async with asyncio.timeout(PATIENCE):
            while True:
                self._more.clear()
                for line in self.said[looked_at:]:
                    if wanted(line):
                        return line
                looked_at = len(self.said)
                assert not self._reading.done(), self.said
                await self._more.wait()

    async def ended(self) -> None:
        """Returns when the process will say no more."""
        await asyncio.wait_for(asyncio.shield(self._reading), PATIENCE)


@dataclass
class Running:
    """A service that runs, and what it says."""

    process: asyncio.subprocess.Process
    channel: grpc.aio.Channel
    address: str
    words: Words

    @property
    def said(self) -> list[str]:
        """What it has said so far."""
        return self.words.said

    @property
    def url(self) -> str:
        """Where it answers HTTP; empty where it does not."""
        found = filter(None, (_ANSWERS_HTTP.search(line) for line in self.said))
        return next((each[1] for each in found), "")

    async def says(self, *words: str) -> None:
        """Returns when it has said a line with all these words, in capitals or not."""
        await self.words.until(lambda line: all(each.lower() in line.lower() for each in words))

    async def stop(self, signal: int) -> int:
        """Sends a signal and waits for the end; returns the exit code."""
        self.process.send_signal(signal)
        return await self.ended()

    async def ended(self) -> int:
        await self.words.ended()
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


async def spawn(name: str, state: Path, environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{name}"),
        cwd=ROOT,
        env=os.environ | {"STATE_DIR": str(state), f"{name.upper()}_LISTEN": "127.0.0.1:0"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def running(name: str, state: Path, **environment: str) -> AsyncIterator[Running]:
    """A service, by its name, that listens; killed at the end if it still runs."""
    async with AsyncExitStack() as stack:
        process = await spawn(name, state, environment)
        assert process.stdout is not None
        words = Words(process.stdout)
        stack.push_async_callback(_killed, process, words)
        listening = LISTENING.search(await words.until(LISTENING.search))
        assert listening is not None
        address = listening[1]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        yield Running(process, channel, address, words)


async def _killed(process: asyncio.subprocess.Process, words: Words) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await words.ended()
    await process.wait()


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a process whose words nobody reads, if it still runs."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()
