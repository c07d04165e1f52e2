"""What durability costs: the checkout as a saga beside the bare chain of the same stub calls, in the same run.

``python -m tests.bench`` (``make bench``). Four sequential commands to a trivial participant in a process of its own,
closed loop; interleaved rounds, medians. ``bare`` is the chain of stub calls without durability or tracing, and in the
rollback the same seven calls. ``saga`` is the journal in SQLite with synchronous=FULL. A ratio is the saga's rate over
that of the bare chain of the same round; CPU is this process's, in microseconds a saga.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
import uvloop
from rich.console import Console
from rich.table import Table

from orchestrator.bootstrap import opened
from orchestrator.cli.protoc import generate
from orchestrator.errors import SagaNotCompleted
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.bootstrap import Replica

CHECKOUT = Path(__file__).parent / "checkout"
SERVICE = "bench.v1.CheckoutService"


@dataclass
class Round:
    """One measurement: sagas a second, and this process's CPU microseconds a saga."""

    rate: float
    cpu: float


@dataclass
class Line:
    """The medians of one workload at one load."""

    workload: str
    in_flight: int
    bare_rate: float
    saga_rate: float
    ratio: float
    spread: float
    bare_cpu: float
    saga_cpu: float


async def measure(one: Callable[[int], Awaitable[object]], number: int, in_flight: int) -> Round:
    """A closed loop: ``in_flight`` at a time, ``number`` in all."""
    numbers = iter(range(number))

    async def loop() -> None:
        for each in numbers:
            await one(each)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(loop() for _ in range(in_flight)))
    return Round(number / (time.perf_counter() - began), (time.process_time() - cpu) / number * 1e6)


class Workload:
    """The checkout, bare and as a saga; refused at the fourth command where it is to be rolled back."""

    def __init__(self, replica: Replica, channel: grpc.aio.Channel, *, refuse: bool) -> None:
        from bench.v1 import bench_pb2, bench_pb2_grpc  # noqa: PLC0415 - generated a moment ago
        from sagas import Shop, chain, checkout  # noqa: PLC0415 - as above

        self._pb: Any = bench_pb2
        self._order = bench_pb2.Order(sku="A-1", quantity=2, amount=4200, address="Main Street 1", refuse=refuse)
        self._shop = Shop(bench_pb2_grpc.CheckoutServiceStub(channel))
        self._chain, self._definition = chain, checkout
        self._replica = replica

    async def saga(self, _number: int) -> None:
        try:
            await self._replica.run(self._definition, self._order)
        except SagaNotCompleted as error:
            if not self._order.refuse or error.status != "compensated":
                raise

    async def bare(self, number: int) -> None:
        order_id = str(number)
        try:
            await self._chain(self._order, self._shop, order_id)
        except grpc.aio.AioRpcError:
            await self._shop.checkout.Unship(self._pb.UnshipRequest(order_id=order_id))
            await self._shop.checkout.Void(self._pb.VoidRequest(order_id=order_id))
            await self._shop.checkout.Release(self._pb.ReleaseRequest(order_id=order_id))


async def compare(name: str, workload: Workload, in_flight: int, options: argparse.Namespace) -> Line:
    number = max(in_flight * 4, options.sagas if in_flight > 1 else options.sagas // 5)
    bare, sagas = [], []
    for turn in range(options.rounds + 1):
        first, second = await measure(workload.bare, number, in_flight), await measure(workload.saga, number, in_flight)
        if turn:  # the first warms up
            bare.append(first)
            sagas.append(second)
    ratios = [saga.rate / chain.rate for saga, chain in zip(sagas, bare, strict=True)]
    return Line(
        name,
        in_flight,
        statistics.median(each.rate for each in bare),
        statistics.median(each.rate for each in sagas),
        statistics.median(ratios),
        max(ratios) - min(ratios),
        statistics.median(each.cpu for each in bare),
        statistics.median(each.cpu for each in sagas),
    )


async def run(port: str, state: Path, options: argparse.Namespace) -> list[Line]:
    from sagas import checkout  # noqa: PLC0415 - its stubs were generated a moment ago

    settings = Settings(STATE_DIR=state, participants={SERVICE: f"127.0.0.1:{port}"})
    async with opened(settings, [checkout]) as replica, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        lines = []
        for name, refuse, loads in (("forward", False, options.in_flight), ("rollback", True, [32])):
            workload = Workload(replica, channel, refuse=refuse)
            for in_flight in loads:
                lines.append(await compare(name, workload, in_flight, options))
                sys.stderr.write(f"{name}, {in_flight} in flight: {lines[-1].ratio:.2f}\n")
        return lines


def show(lines: list[Line]) -> None:
    columns = ("workload", "in flight", "bare /s", "saga /s", "ratio", "spread", "bare CPU µs", "saga CPU µs")
    table = Table(*columns)
    for line in lines:
        numbers = (f"{line.bare_rate:.0f}", f"{line.saga_rate:.0f}", f"{line.ratio:.2f}", f"{line.spread:.2f}")
        table.add_row(line.workload, str(line.in_flight), *numbers, f"{line.bare_cpu:.0f}", f"{line.saga_cpu:.0f}")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sagas", type=int, default=1500, help="in each round")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--json", type=Path, help="write the lines here, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generate(CHECKOUT / "protos", Path(folder) / "stubs")
        sys.path[:0] = [str(Path(folder) / "stubs"), str(CHECKOUT)]
        command = [sys.executable, str(CHECKOUT / "participant.py")]
        environment = {"PYTHONPATH": str(Path(folder) / "stubs")}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as participant:
            try:
                assert participant.stdout is not None
                port = participant.stdout.readline().strip()
                lines = uvloop.run(run(port, Path(folder) / "state", options))
            finally:
                participant.terminate()
    show(lines)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=2))


if __name__ == "__main__":
    main()
