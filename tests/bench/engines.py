"""What a saga costs on each engine, beside the bare calls of the same chain: ``python -m tests.bench.engines``.

The participants answer at once, in this process, so what is measured is the engine. The same saga of six commands runs
on each, so many at once, and the bare chain makes the same calls without a saga. Temporal is measured twice: its server
of the development keeps what it knows in a file, or in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.temporal.connecting import connect
from orchestrator.engine.temporal.opening import WorkerOptions, opened
from orchestrator.store.memory import MemoryJournal, MemoryState
from orchestrator.store.opening import open_store
from orchestrator.testing.conformance.engines.harness import Stage
from orchestrator.testing.conformance.engines.sagas import FORWARD, trip
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ReceivedCall, ScriptedParticipants
from orchestrator.testing.world.virtual_loop import Process
from tests.conformance.engines.engines import ReplicaUnderTest
from tests.support.temporal import TemporalServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from orchestrator.engine.sagas import Sagas
    from orchestrator.engine.schedules.facade import Schedules
    from orchestrator.ports.journal import Journal

    Chain = Callable[[int], Awaitable[None]]
    Opened = Callable[[ScriptedParticipants], AbstractAsyncContextManager[Sagas]]

_WAIT_SECONDS: Final = 300.0


async def _bare(sagas: int, in_flight: int) -> tuple[float, list[float]]:
    participants = ScriptedParticipants()
    commands = {each.method: each for each in trip.commands.values()}

    async def chain(number: int) -> None:
        for method in FORWARD:
            call = ReceivedCall(method, {"idempotency-key": f"{number}"}, b"")
            await participants.answer(commands[method], call)

    return await _measured(chain, sagas, in_flight)


async def _on(open_engine: Opened, sagas: int, in_flight: int) -> tuple[float, list[float]]:
    participants = ScriptedParticipants()
    async with open_engine(participants) as engine:
        stage = Stage(_Opened(engine), participants, RecordingObserver())

        async def run(number: int) -> None:
            state = await engine.start(stage.request(trip, f"trip-{number}"), wait=_WAIT_SECONDS)
            assert state.ended_at is not None

        await run(-1)  # the first one of a process is no measure
        return await _measured(run, sagas, in_flight)


async def _measured(chain: Chain, sagas: int, in_flight: int) -> tuple[float, list[float]]:
    turn, seconds = asyncio.Semaphore(in_flight), []

    async def one(number: int) -> None:
        async with turn:
            began = time.perf_counter()
            await chain(number)
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*map(one, range(sagas)))
    return sagas / (time.perf_counter() - began), seconds


class _Opened:
    """An engine that nobody restarts."""

    def __init__(self, sagas: Sagas) -> None:
        self.sagas = sagas

    @property
    def schedules(self) -> Schedules:
        raise AssertionError("no saga of the benchmark starts by schedule")

    async def restart(self, definitions: object = None) -> None:
        raise AssertionError(f"nobody restarts it with {definitions}")


def _replica(open_journal: Callable[[], Awaitable[Journal]]) -> Opened:
    @asynccontextmanager
    async def opened_replica(participants: ScriptedParticipants) -> AsyncIterator[Sagas]:
        engine = ReplicaUnderTest([trip], participants, RecordingObserver(), open_journal)
        await engine.open()
        yield engine.sagas
        await engine.close()

    return opened_replica


def _temporal(server: TemporalServer, namespace: str, workers: int) -> Opened:
    @asynccontextmanager
    async def opened_workers(participants: ScriptedParticipants) -> AsyncIterator[Sagas]:
        async with AsyncExitStack() as stack:
            engines = [
                await stack.enter_async_context(
                    opened(
                        await connect(server.url(namespace)),
                        [trip],
                        NetworkConnection(participants, Process(f"worker-{number}")),
                        RecordingObserver(),
                        SystemClock(),
                        WorkerOptions(grace=0.0),
                    )
                )
                for number in range(workers)
            ]
            yield engines[0]

    return opened_workers


async def _memory() -> Journal:
    return MemoryJournal(SystemClock.now, MemoryState())


async def _main(sagas: int, in_flight: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-engines-"))
    on_disk, in_memory = (TemporalServer(folder, ["one", "two"], database=database) for database in (True, False))
    on_disk.start()
    in_memory.start()
    engines: dict[str, Opened] = {
        "replica in memory": _replica(_memory),
        "replica on sqlite": _replica(lambda: open_store(f"sqlite:{folder}/journal.db")),
        "temporal on a file, one worker": _temporal(on_disk, "one", 1),
        "temporal on a file, two workers": _temporal(on_disk, "two", 2),
        "temporal in memory, one worker": _temporal(in_memory, "one", 1),
        "temporal in memory, two workers": _temporal(in_memory, "two", 2),
    }
    try:
        _tell("bare chain", *await _bare(sagas, in_flight))
        for name, open_engine in engines.items():
            _tell(name, *await _on(open_engine, sagas, in_flight))
    finally:
        on_disk.kill()
        in_memory.kill()


def _tell(name: str, rate: float, seconds: list[float]) -> None:
    middle = statistics.median(seconds) * 1e3
    print(f"{name:<32} {rate:>10.1f} sagas/s   median {middle:>8.1f} ms   worst {max(seconds) * 1e3:>8.1f} ms")  # noqa: T201 - it is a command


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sagas", type=int, default=100)
    parser.add_argument("--in-flight", type=int, default=20)
    options = parser.parse_args()
    asyncio.run(_main(options.sagas, options.in_flight))
