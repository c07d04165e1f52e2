"""What a saga costs on each engine, beside the bare calls of the same chain: ``python -m tests.bench.engines``.

The same saga of six commands runs on each engine, so many at once. Its participants answer at once, in this process, so
what is measured is the engine. The bare chain makes six calls over gRPC, to a server in this process that answers at
once. A chain of six activities without a saga is the least that Temporal itself costs. All of them take turns, in
rounds, so that what else the machine does slows each of them alike; rates are compared within one round.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc.aio
import psutil  # type: ignore[import-untyped]  # it ships no types

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.opening import WorkerOptions, opened
from orchestrator.store.memory.journal import MemoryJournal, MemoryState
from orchestrator.store.opening import open_store
from orchestrator.testing.conformance.engines.harness import Stage
from orchestrator.testing.conformance.engines.sagas import FORWARD, trip
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.virtual_loop import Process
from tests.bench.activities import chains_of_activities
from tests.conformance.engines.engines import ReplicaUnderTest
from tests.support.temporal import TemporalServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from contextlib import AbstractAsyncContextManager

    from orchestrator.engine.bulk.facade import BulkActs
    from orchestrator.engine.sagas import Sagas
    from orchestrator.engine.schedules.facade import Schedules
    from orchestrator.ports.journal import Journal

    Chain = Callable[[int], Awaitable[None]]
    Contender = Callable[[], AbstractAsyncContextManager[Chain]]

BARE: Final = "bare chain over gRPC"
_WAIT_SECONDS: Final = 300.0
_WARM_UP: Final = 3
_NAMESPACES: Final = ("one", "two", "bare")


class Round(NamedTuple):
    """One measurement.

    Attributes:
        rate: sagas, or chains, a second.
        seconds: of each.
        here: seconds of CPU that each took in this process: workers, participants, those who wait.
        server: the same of Temporal's servers.
    """

    rate: float
    seconds: list[float]
    here: float
    server: float


async def _measured(chain: Chain, number: int, in_flight: int, servers: Iterable[psutil.Process]) -> Round:
    turn, seconds = asyncio.Semaphore(in_flight), []

    async def one(each: int) -> None:
        async with turn:
            began = time.perf_counter()
            await chain(each)
            seconds.append(time.perf_counter() - began)

    await asyncio.gather(*map(chain, range(-_WARM_UP, 0)))  # the first ones of a process are no measure
    of_servers, here, began = _cpu(servers), time.process_time(), time.perf_counter()
    await asyncio.gather(*map(one, range(number)))
    took = time.perf_counter() - began
    return Round(number / took, seconds, (time.process_time() - here) / number, (_cpu(servers) - of_servers) / number)


def _cpu(servers: Iterable[psutil.Process]) -> float:
    return sum(sum(server.cpu_times()[:2]) for server in servers)


@asynccontextmanager
async def _bare() -> AsyncIterator[Chain]:
    async def answer(_request: bytes, _context: object) -> bytes:
        return b""

    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        method: grpc.unary_unary_rpc_method_handler(answer) for method in FORWARD
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bench.Chain", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        calls: list[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = [
            channel.unary_unary(f"/bench.Chain/{method}") for method in FORWARD
        ]

        async def chain(_number: int) -> None:
            for call in calls:
                await call(b"")

        yield chain
    await server.stop(None)


@asynccontextmanager
async def _sagas_of(
    engine: AbstractAsyncContextManager[Sagas], participants: ScriptedParticipants
) -> AsyncIterator[Chain]:
    run = uuid.uuid4().hex
    async with engine as sagas:
        stage = Stage(_Opened(sagas), participants, RecordingObserver())

        async def one(number: int) -> None:
            state = await sagas.start(stage.request(trip, f"trip-{run}-{number}"), wait=_WAIT_SECONDS)
            assert state.ended_at is not None

        yield one


class _Opened:
    """An engine that nobody restarts."""

    def __init__(self, sagas: Sagas) -> None:
        self.sagas = sagas

    @property
    def schedules(self) -> Schedules:
        raise AssertionError("no saga of the benchmark starts by schedule")

    @property
    def bulk(self) -> BulkActs:
        raise AssertionError("the benchmark acts on no saga")

    async def restart(self, definitions: object = None) -> None:
        raise AssertionError(f"nobody restarts it with {definitions}")


def _replica(open_journal: Callable[[], Awaitable[Journal]]) -> Contender:
    @asynccontextmanager
    async def opened_replica(participants: ScriptedParticipants) -> AsyncIterator[Sagas]:
        engine = ReplicaUnderTest([trip], participants, RecordingObserver(), open_journal)
        await engine.open()
        yield engine.sagas
        await engine.close()

    def contender() -> AbstractAsyncContextManager[Chain]:
        participants = ScriptedParticipants()
        return _sagas_of(opened_replica(participants), participants)

    return contender


def _temporal(server: TemporalServer, namespace: str, workers: int) -> Contender:
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

    def contender() -> AbstractAsyncContextManager[Chain]:
        participants = ScriptedParticipants()
        return _sagas_of(opened_workers(participants), participants)

    return contender


def _activities(server: TemporalServer) -> Contender:
    @asynccontextmanager
    async def contender() -> AsyncIterator[Chain]:
        client = await connect(server.url("bare"))
        async with chains_of_activities(client, len(FORWARD)) as chain:
            yield chain

    return contender


async def _memory() -> Journal:
    return MemoryJournal(SystemClock.now, MemoryState())


async def _main(options: argparse.Namespace) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-engines-"))
    on_disk = TemporalServer(folder, [*_NAMESPACES], database=True)
    in_memory = TemporalServer(folder, [*_NAMESPACES])
    contenders: dict[str, Contender] = {
        BARE: _bare,
        "replica, journal in memory": _replica(_memory),
        "replica, journal on SQLite": _replica(lambda: open_store(f"sqlite:{folder}/{uuid.uuid4().hex}.db")),
        "Temporal in memory, six activities": _activities(in_memory),
        "Temporal in memory, one worker": _temporal(in_memory, "one", 1),
        "Temporal in memory, two workers": _temporal(in_memory, "two", 2),
    }
    if options.file:
        contenders |= {
            "Temporal on a file, six activities": _activities(on_disk),
            "Temporal on a file, one worker": _temporal(on_disk, "one", 1),
            "Temporal on a file, two workers": _temporal(on_disk, "two", 2),
        }
    servers = [in_memory, on_disk] if options.file else [in_memory]
    for server in servers:
        server.start()
    try:
        watched = [psutil.Process(server.pid) for server in servers]
        measured: dict[str, list[Round]] = defaultdict(list)
        for _ in range(options.rounds):
            for name, contender in contenders.items():
                async with contender() as chain:
                    measured[name].append(await _measured(chain, options.sagas, options.in_flight, watched))
        _tell(measured, options.in_flight)
    finally:
        for server in servers:
            server.kill()


def _tell(measured: dict[str, list[Round]], in_flight: int) -> None:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    lines = [
        f"{in_flight} at once; {os.cpu_count()} cores; load averages at the end {load}",
        "",
        "| | a second | median of one | to the bare chain | CPU of each, here + Temporal's server |",
        "|---|---|---|---|---|",
    ]
    for name, rounds in measured.items():
        rate = statistics.median(each.rate for each in rounds)
        middle = statistics.median(statistics.median(each.seconds) for each in rounds) * 1e3
        ratios = [each.rate / bare.rate for each, bare in zip(rounds, measured[BARE], strict=True)]
        here = statistics.median(each.here for each in rounds) * 1e3
        server = statistics.median(each.server for each in rounds) * 1e3
        lines.append(
            f"| {name} | {rate:,.1f} | {middle:,.1f} ms | {statistics.median(ratios):.4f} "
            f"({min(ratios):.4f} to {max(ratios):.4f}) | {here:.1f} + {server:.1f} ms |"
        )
    print("\n".join(lines))  # noqa: T201 - it is a command


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sagas", type=int, default=100, help="in each round (default: 100)")
    parser.add_argument("--in-flight", type=int, default=20, help="at once (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    parser.add_argument("--file", action="store_true", help="Temporal's server with its data in a file, too")
    asyncio.run(_main(parser.parse_args()))
