"""Many orders on Temporal, while workers and the server are killed in turn: ``python -m tests.crash.soak_temporal``.

A worker is an orchestrator with ``--engine``. Each is killed with SIGKILL and comes back a while later, then the next
one, then the server of the development, and so on until every order has ended. At the end, every invariant is asked
after: the services' books, no effect twice, each rollback in reverse order; and Temporal's own replayer accepts every
history. The same seed draws the same orders and the same pauses. The server's file is kept in memory where this machine
has a file system for that: SIGKILL loses nothing there.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.cli.loading.modules import load_definitions
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.replaying import replay_histories
from saga.v1 import saga_pb2
from tests.crash.chaos import going_wrong, killing_in_turn
from tests.crash.customers import Customers, in_turn
from tests.crash.invariants import Invariants
from tests.crash.orders import draw
from tests.crash.shop import Shop
from tests.support.temporal import TemporalServer

if TYPE_CHECKING:
    from tests.crash.chaos import Victim

NAMESPACE: Final = "shop"
_WORKERS: Final = 2
_ROUNDS: Final = 10_000
_PROGRESS_SECONDS: Final = 10
_SHOWN: Final = 50
_IN_MEMORY: Final = Path("/dev/shm")


def main() -> int:
    """Place the orders; 0 where every invariant holds, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.soak_temporal", description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=1000, help="how many orders to place (default: 1000)")
    parser.add_argument("--in-flight", type=int, default=16, help="how many at once (default: 16)")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between two deaths, at most (default: 5)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="default: any")
    options = parser.parse_args()
    console = Console()
    console.print(f"{options.orders} orders, seed {options.seed}")
    in_memory = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        tempfile.TemporaryDirectory(prefix="soak-temporal-", dir=in_memory) as of_server,
    ):
        problems = asyncio.run(_soak(Path(folder), Path(of_server), options, console))
    for problem in problems[:_SHOWN]:
        console.print(problem, style="red", markup=False, soft_wrap=True)
    if problems:
        console.print(f"{len(problems)} invariants do not hold; again with --seed {options.seed}", style="bold red")
        return 1
    console.print("every invariant holds", style="bold green")
    return 0


class Counted:
    """What is killed; how often is counted.

    Args:
        victim: that is killed.

    Attributes:
        kills: how often it was.
    """

    def __init__(self, victim: Victim) -> None:
        self._victim = victim
        self.kills = 0

    def kill(self) -> None:
        """Kill it with -9."""
        self.kills += 1
        self._victim.kill()

    async def restart(self) -> None:
        """Start it, and wait until it serves."""
        await self._victim.restart()


class Server:
    """The server of the development, as something that is killed."""

    def __init__(self, server: TemporalServer) -> None:
        self._server = server

    def kill(self) -> None:
        """Kill it with -9."""
        self._server.kill()

    async def restart(self) -> None:
        """Start it on what it had, and wait until it takes calls."""
        await asyncio.to_thread(self._server.start)


async def _soak(folder: Path, of_server: Path, options: argparse.Namespace, console: Console) -> list[str]:
    chance = random.Random(options.seed)
    async with AsyncExitStack() as stack:
        shop = stack.enter_context(Shop(folder))
        await shop.open()
        server = TemporalServer(of_server, [NAMESPACE], database=True)
        server.start()
        stack.callback(server.kill)
        workers = [
            shop.orchestrator(folder / f"worker-{number}", engine=server.url(NAMESPACE)) for number in range(_WORKERS)
        ]
        await asyncio.gather(*(worker.restart() for worker in workers))
        invariants = await stack.enter_async_context(Invariants(shop))
        customers = await stack.enter_async_context(Customers(in_turn(workers), in_flight=options.in_flight))
        killed = [*map(Counted, workers), Counted(Server(server))]
        orders = draw(chance, options.orders, run=f"soak-{options.seed}")
        began = time.monotonic()
        async with going_wrong(
            killing_in_turn(random.Random(chance.random()), killed, rounds=_ROUNDS, pause=options.pause),
            _reporting(customers, options.orders, console),
        ):
            await customers.order_all(orders)
        seconds = time.monotonic() - began
        console.print(_summary(customers, killed, seconds), soft_wrap=True)
        problems = await invariants.broken(customers)
        console.print("replaying all histories")
        client, definitions = await connect(server.url(NAMESPACE)), load_definitions(["orchestrator.shop"], ())
        replayed = [each async for each in replay_histories(client, definitions, SystemClock())]
        problems += [f"saga {each.saga_id}: {each.failure}" for each in replayed if each.failure]
        console.print(f"{len(replayed)} histories replayed")
        return problems


async def _reporting(customers: Customers, count: int, console: Console) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        seconds = time.monotonic() - began
        console.print(f"{seconds:5.0f} s  {customers.acknowledged} placed, {customers.ended} of {count} ended")


def _summary(customers: Customers, killed: list[Counted], seconds: float) -> str:
    ends = Counter(saga_pb2.Status.Name(order.seen.status) for order in customers.placed if order.seen)
    *workers, server = killed
    return (
        f"{dict(ends)} in {seconds:.0f} s; workers killed {sum(each.kills for each in workers)} times, the server "
        f"{server.kills} times; StartOrder repeated {len(customers.refusals)} times"
    )


if __name__ == "__main__":
    sys.exit(main())
