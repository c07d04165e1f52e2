"""What chassis and guard cost: a guarded command beside the same SQL without them, in the same run.

``python -m tests.bench.micro.guard``. One client, closed loop; interleaved rounds, medians. Every way is ReserveStock
with two lines, committed to SQLite, in a server process of its own:

- ``bare``: a plain gRPC server, see ``bare_inventory``;
- ``unguarded``: the service as it is, called without an idempotency key: validation, and errors as statuses;
- ``guarded``: the service as it is, called as the orchestrator calls it.

A time is microseconds a command; CPU is that of the server process. The factors are those of the guarded command,
of the same round; the goal is at most 2.0.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

import grpc.aio
import psutil  # type: ignore[import-untyped]  # ships no types
import uvloop
from rich.console import Console
from rich.table import Table

from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LINES: Final = (Line(sku="BOOK-SAGA", quantity=1), Line(sku="MUG-BLUE", quantity=2))
TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Cost(NamedTuple):
    """Microseconds a command, and of these the server's on the CPU."""

    time: float
    cpu: float


@dataclass(frozen=True)
class Way:
    """One way to reserve stock."""

    server: psutil.Process
    stub: InventoryServiceStub
    guarded: bool

    async def reserve(self) -> None:
        order_id = str(uuid4())
        metadata = (
            (
                ("idempotency-key", f"{order_id}/InventoryService.ReserveStock#1"),
                ("saga-id", order_id),
                ("traceparent", TRACEPARENT),
            )
            if self.guarded
            else ()
        )
        await self.stub.ReserveStock(
            ReserveStockRequest(order_id=order_id, lines=LINES), metadata=metadata, timeout=10.0
        )

    async def measure(self, number: int, in_flight: int) -> Cost:
        """A closed loop: ``in_flight`` at a time, ``number`` in all."""
        numbers = iter(range(number))

        async def loop() -> None:
            for _ in numbers:
                await self.reserve()

        began, cpu = time.perf_counter(), self._cpu()
        await asyncio.gather(*(loop() for _ in range(in_flight)))
        return Cost((time.perf_counter() - began) / number * 1e6, (self._cpu() - cpu) / number * 1e6)

    def _cpu(self) -> float:
        used = self.server.cpu_times()
        return float(used.user + used.system)


async def compare(ways: Mapping[str, Way], number: int, in_flight: int, rounds: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            cost = await way.measure(number, in_flight)
            if turn:  # the first warms up
                costs[name].append(cost)
    return costs


async def run(bare: Server, service: Server, options: argparse.Namespace) -> dict[int, dict[str, list[Cost]]]:
    async with grpc.aio.insecure_channel(bare.address) as plain, grpc.aio.insecure_channel(service.address) as ours:
        ways = {
            "bare": Way(bare.process, InventoryServiceStub(plain), guarded=False),
            "unguarded": Way(service.process, InventoryServiceStub(ours), guarded=False),
            "guarded": Way(service.process, InventoryServiceStub(ours), guarded=True),
        }
        return {
            in_flight: await compare(ways, options.commands, in_flight, options.rounds)
            for in_flight in options.in_flight
        }


class Server(NamedTuple):
    """A running server process."""

    process: psutil.Process
    address: str


@contextmanager
def server(module: str, *arguments: str) -> Iterator[Server]:
    """Runs a module that says where it listens, in a folder of its own, until the block is left."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", module, *(argument.format(folder=folder) for argument in arguments)]
        environment = os.environ | {"STATE_DIR": folder, "INVENTORY_LISTEN": "127.0.0.1:0"}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                assert process.stdout is not None
                line = next((line for line in process.stdout if " listening on " in line), "")
                assert line, f"{module} ended before it listened"
                yield Server(psutil.Process(process.pid), line.rpartition(" ")[2].strip())
            finally:
                process.terminate()


def show(costs: Mapping[int, Mapping[str, Sequence[Cost]]]) -> None:
    table = Table("in flight", "way", "µs", "CPU µs", "guarded to it", "guarded CPU to it")
    for in_flight, ways in costs.items():
        for name, rounds in ways.items():
            pairs = list(zip(ways["guarded"], rounds, strict=True))
            table.add_row(
                str(in_flight),
                name,
                f"{statistics.median(cost.time for cost in rounds):.0f}",
                f"{statistics.median(cost.cpu for cost in rounds):.0f}",
                f"{statistics.median(guarded.time / cost.time for guarded, cost in pairs):.2f}",
                f"{statistics.median(guarded.cpu / cost.cpu for guarded, cost in pairs):.2f}",
            )
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.micro.guard", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commands", type=int, default=500, help="in each round")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 32])
    options = parser.parse_args()
    with ExitStack() as stack:
        bare = stack.enter_context(server("tests.bench.micro.bare_inventory", "{folder}"))
        service = stack.enter_context(server("services.inventory"))
        show(uvloop.run(run(bare, service, options)))


if __name__ == "__main__":
    main()
