"""What each form of the guard costs: a guarded command beside the same handler without a guard, and the chassis'.

``python -m tests.bench.micro.forms``. One client, closed loop; interleaved rounds, medians. Every command writes one
row to SQLite, in a server process of its own; see ``one_row``. A time is microseconds a command; CPU is that of the
server process. The ratios are those of the same round: *to bare* is what the guard adds, *to the chassis* compares
it with the guarded command of the chassis.
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

import grpc.aio
import uvloop
from rich.console import Console
from rich.table import Table

from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from tests.bench.micro.guard import Cost, Server, Way, compare, server
from tests.bench.micro.one_row import FORMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


async def run(servers: Mapping[str, Server], options: argparse.Namespace) -> dict[int, dict[str, list[Cost]]]:
    async with AsyncExitStack() as stack:
        ways = {}
        for name, one in servers.items():
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(one.address))
            ways[name] = Way(one.process, InventoryServiceStub(channel), guarded=True)
        return {
            in_flight: await compare(ways, options.commands, in_flight, options.rounds)
            for in_flight in options.in_flight
        }


def show(costs: Mapping[int, Mapping[str, Sequence[Cost]]]) -> None:
    table = Table("in flight", "form", "bare µs", "guarded µs", "to bare", "CPU to bare", "to the chassis")
    for in_flight, ways in costs.items():
        for form in FORMS:
            guarded, bare = ways[f"{form}: guarded"], ways.get(f"{form}: bare")
            table.add_row(
                str(in_flight),
                form,
                f"{median(bare):.0f}" if bare else "",
                f"{median(guarded):.0f}",
                ratio(guarded, bare) if bare else "",
                ratio(guarded, bare, "cpu") if bare else "",
                ratio(guarded, ways["chassis: guarded"]),
            )
    Console(width=110).print(table)


def median(rounds: Sequence[Cost]) -> float:
    return statistics.median(cost.time for cost in rounds)


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost], of: str = "time") -> str:
    pairs = zip(ours, theirs, strict=True)
    return f"{statistics.median(getattr(our, of) / getattr(their, of) for our, their in pairs):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.micro.forms", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commands", type=int, default=300, help="in each round")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    with ExitStack() as stack:
        servers = {
            f"{form}: {way}": stack.enter_context(server("tests.bench.micro.one_row", form, way, "{folder}"))
            for form in FORMS
            for way in ("guarded", "bare")
            if (form, way) != ("chassis", "bare")
        }
        show(uvloop.run(run(servers, options)))


if __name__ == "__main__":
    main()
