"""Services as real processes on free ports."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc.aio

from tests.support.repository import ROOT
from tests.support.served import LISTENING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PATIENCE = 30
_ANSWERS_HTTP = re.compile(r"answers HTTP at (\S+)$")


@dataclass
class Running:
    """A service that runs, and what it has said so far."""

    process: asyncio.subprocess.Process
    channel: grpc.aio.Channel
    address: str
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it answers HTTP; empty where it does not."""
        found = filter(None, (_ANSWERS_HTTP.search(line) for line in self.said))
        return next((each[1] for each in found), "")

    async def says(self, *words: str) -> None:
        """Returns when it has said a line with all these words, in capitals or not."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while not any(all(each.lower() in line.lower() for each in words) for line in self.said):
                line = await self.process.stdout.readline()
                assert line, self.said
                self.said.append(line.decode().rstrip())

    async def stop(self, signal: int) -> int:
        """Sends a signal and waits for the end; returns the exit code."""
        self.process.send_signal(signal)
        return await self.ended()

    async def ended(self) -> int:
        output, _ = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        self.said.extend(output.decode().splitlines())
        assert self.process.returncode is not None
        return self.process.returncode


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
        stack.push_async_callback(end, process)
        said: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while not said or LISTENING.search(said[-1]) is None:
                assert process.stdout is not None
                line = await process.stdout.readline()
                assert line, said
                said.append(line.decode().rstrip())
        listening = LISTENING.search(said[-1])
        assert listening is not None
        address = listening[1]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        yield Running(process, channel, address, said)


async def end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()
