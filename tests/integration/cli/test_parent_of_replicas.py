"""The parent of several replicas: whom it starts again, when it gives up, and how all of them end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.cli.processes import parent
from orchestrator.cli.processes.parent import MOST_FAILED_STARTS, ParentOfReplicas
from tests.support.processes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LISTEN, FAIL, BE_DEAF = "listen", "fail", "be deaf"
REPLICA: Final = """
import os, signal, socket, sys
parent = socket.socket(fileno=0)
test = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
test.sendall(f"{sys.argv[-1]} {os.getpid()}\\n".encode())
told = test.makefile().readline().strip()
if told == "fail":
    sys.exit(3)
if told == "be deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
parent.send(b"\\n")
test.sendall(b"done\\n")
parent.recv(1)
"""
"""It tells the test its number and its process, does what it is told, and then waits for the end of its parent."""


@dataclass
class Replica:
    """A replica that has started."""

    number: int
    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def tell(self, what: str) -> None:
        """Tell it what to do, and wait until it has."""
        self.writer.write(f"{what}\n".encode())
        assert await self.reader.readline() == (b"" if what == FAIL else b"done\n")

    async def ended(self) -> None:
        assert await self.reader.read() == b""


@dataclass
class Replicas:
    """Those that have started, in order."""

    port: int = 0
    started: asyncio.Queue[Replica] = field(default_factory=asyncio.Queue)

    async def next(self, what: str = "") -> Replica:
        """The next that starts; told what to do, if anything."""
        replica = await asyncio.wait_for(self.started.get(), PATIENCE)
        if what:
            await replica.tell(what)
        return replica

    def run(self, count: int, *, patience: float = PATIENCE) -> asyncio.Task[int]:
        """A parent of so many."""
        command = [sys.executable, "-I", "-S", "-c", REPLICA, str(self.port)]
        return asyncio.create_task(ParentOfReplicas(count, command, patience=patience).run())


@pytest.fixture
async def replicas(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Replicas]:
    monkeypatch.setattr(parent, "PAUSES", (0.0,))
    replicas, writers = Replicas(), list[asyncio.StreamWriter]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, pid = (await reader.readline()).split()
        writers.append(writer)
        replicas.started.put_nowait(Replica(int(number), int(pid), reader, writer))

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        replicas.port = server.sockets[0].getsockname()[1]
        yield replicas
        for writer in writers:
            writer.close()


async def ends_when_told(running: asyncio.Task[int]) -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    return await asyncio.wait_for(running, PATIENCE)


async def test_the_first_replica_starts_alone_and_the_others_once_it_listens(replicas: Replicas) -> None:
    running = replicas.run(3)
    first = await replicas.next()
    assert replicas.started.empty()
    await first.tell(LISTEN)
    others = [await replicas.next(LISTEN) for _ in range(2)]
    assert [first.number, *sorted(each.number for each in others)] == [1, 2, 3]

    assert await ends_when_told(running) == 0
    for replica in (first, *others):
        await replica.ended()


async def test_a_replica_that_is_killed_is_started_again_and_the_others_stay(replicas: Replicas) -> None:
    running = replicas.run(2)
    first, second = await replicas.next(LISTEN), await replicas.next(LISTEN)
    for _ in range(3):
        os.kill(second.pid, signal.SIGKILL)
        await second.ended()
        second = await replicas.next(LISTEN)
        assert second.number == 2

    assert await ends_when_told(running) == 0
    await first.ended()


async def test_a_replica_that_is_told_to_end_is_started_again_too(replicas: Replicas) -> None:
    running = replicas.run(1)
    os.kill((await replicas.next(LISTEN)).pid, signal.SIGTERM)
    await replicas.next(LISTEN)
    assert await ends_when_told(running) == 0


async def test_the_parent_gives_up_when_the_first_replica_cannot_start(
    replicas: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    running = replicas.run(3)
    await replicas.next(FAIL)
    assert await asyncio.wait_for(running, PATIENCE) == 1
    assert replicas.started.empty()
    assert caplog.messages == ["replica 1 ended with 3 before it listened, and no replica listens: giving up"]


async def test_the_parent_gives_up_when_no_replica_listens_and_none_can_be_started_any_more(
    replicas: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    running = replicas.run(1)
    os.kill((await replicas.next(LISTEN)).pid, signal.SIGKILL)
    for _ in range(MOST_FAILED_STARTS):
        await replicas.next(FAIL)
    assert await asyncio.wait_for(running, PATIENCE) == 1
    assert caplog.messages[-1].endswith("no replica listens: giving up")


async def test_while_another_replica_listens_the_parent_does_not_give_up(replicas: Replicas) -> None:
    running = replicas.run(2)
    await replicas.next(LISTEN)
    for _ in range(MOST_FAILED_STARTS + 2):
        assert (await replicas.next(FAIL)).number == 2
    await replicas.next(LISTEN)
    assert await ends_when_told(running) == 0


async def test_a_replica_that_does_not_drain_is_killed_when_the_patience_is_over(replicas: Replicas) -> None:
    running = replicas.run(1, patience=0.1)
    deaf = await replicas.next(BE_DEAF)
    assert await ends_when_told(running) == 1
    await deaf.ended()


async def test_the_pauses_before_a_replica_is_started_again_grow_with_each_short_life(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parent, "PAUSES", (0.01, 0.02, 0.03))
    running = replicas.run(1)
    for _ in range(4):
        os.kill((await replicas.next(LISTEN)).pid, signal.SIGKILL)
    await replicas.next(LISTEN)
    assert await ends_when_told(running) == 0
    told = [message.rpartition(" in ")[2] for message in caplog.messages if "started again" in message]
    assert told == ["0.01 s", "0.02 s", "0.03 s", "0.03 s"]


def test_the_parent_imports_neither_grpc_nor_protobuf() -> None:
    look = "import sys, orchestrator.cli.processes.__main__; print({'grpc', 'google', 'pydantic'} & {*sys.modules})"
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
