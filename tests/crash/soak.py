"""A long run in which everything goes wrong at once: ``python -m tests.crash.soak --orders 3000 --seed 7``.

The orchestrator and its participants are killed and frozen at random, replies are lost in the middle, cancels rain,
and others answer in the place of participants: gRPC fronts, and load balancers that speak HTTP. An operator resumes
what is suspended. At the end, every invariant is asked after. The same seed draws the same orders and the same
troubles; when they meet is up to the machine.
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

from saga.v1 import saga_pb2
from tests.crash.balancer import Balancer
from tests.crash.chaos import freezing, going_wrong, killing, misrouting, raining_cancels
from tests.crash.customers import Customers
from tests.crash.fronts import Front, Mischief
from tests.crash.invariants import Invariants
from tests.crash.operator import Operator
from tests.crash.orders import draw
from tests.crash.shop import Shop
from tests.support.proxy import LinkFaults

if TYPE_CHECKING:
    from collections.abc import Sequence

_IN_FLIGHT: Final = 64
_PROGRESS_SECONDS: Final = 5
_FROZEN_SECONDS: Final = 4
_PAUSE_SECONDS: Final = 6
_FAULTS: Final = LinkFaults(breaks=0.005, loses=0.005, delays=0.02, delay=0.5)
_MISROUTED_SECONDS: Final = 0.5
_MISROUTED_PAUSE_SECONDS: Final = 2.0
_MISCHIEF: Final = 0.1
_FRONTED: Final = ("inventory", "payment", "shipping", "email", "warehouse")
_SHOWN: Final = 50


def main() -> int:
    """Soak; 0 where every invariant holds, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=3000, help="how many orders to place (default: 3000)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="default: any")
    parser.add_argument("--untraced", action="store_true", help="leave the traces out")
    options = parser.parse_args()
    console = Console()
    console.print(f"{options.orders} orders, seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        problems = asyncio.run(soak(Path(folder), options.orders, options.seed, console, traced=not options.untraced))
    for problem in problems[:_SHOWN]:
        console.print(problem, style="red", markup=False, soft_wrap=True)
    if problems:
        console.print(f"{len(problems)} invariants do not hold; again with --seed {options.seed}", style="bold red")
        return 1
    console.print("every invariant holds", style="bold green")
    return 0


async def soak(folder: Path, count: int, seed: int, console: Console, *, traced: bool) -> list[str]:
    """Let so many orders come through all of it; the invariants that do not hold."""
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        shop = stack.enter_context(Shop(folder, traced=traced))
        await shop.open()
        fronts = [
            await stack.enter_async_context(Front(shop.services[name].address, Mischief(chance, _MISCHIEF)))
            for name in _FRONTED
        ]
        balancers = [await stack.enter_async_context(Balancer(front.address, chance, _FAULTS)) for front in fronts]
        instead = {name: balancer.address for name, balancer in zip(_FRONTED, balancers, strict=True)}
        orchestrator = shop.orchestrator(folder / "orchestrator", instead=instead)
        await orchestrator.restart()
        invariants = await stack.enter_async_context(Invariants(shop))
        operator = await stack.enter_async_context(Operator(orchestrator.address))
        customers = await stack.enter_async_context(
            Customers(orchestrator.address, in_flight=_IN_FLIGHT, operated=True)
        )
        services = list(shop.services.values())
        troubles = (
            raining_cancels(random.Random(chance.random()), customers, pause=0.3),
            killing(random.Random(chance.random()), [orchestrator], pause=_PAUSE_SECONDS),
            killing(random.Random(chance.random()), services[::2], pause=_PAUSE_SECONDS),
            freezing(random.Random(chance.random()), services[1::2], _FROZEN_SECONDS),
            misrouting(random.Random(chance.random()), balancers, _MISROUTED_SECONDS, _MISROUTED_PAUSE_SECONDS),
            operator.resuming(),
            _reporting(customers, count, console),
        )
        async with going_wrong(*troubles):
            await customers.order_all(draw(chance, count, run=f"soak-{seed}"))
        console.print(_summary(customers, balancers, fronts, operator), soft_wrap=True)
        return await invariants.broken(customers, fronted=True)


async def _reporting(customers: Customers, count: int, console: Console) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        seconds = time.monotonic() - began
        console.print(f"{seconds:5.0f} s  {customers.acknowledged} placed, {customers.ended} of {count} ended")


def _summary(customers: Customers, balancers: Sequence[Balancer], fronts: Sequence[Front], operator: Operator) -> str:
    ends = Counter(saga_pb2.Status.Name(order.seen.status) for order in customers.placed if order.seen)
    cancelled = sum(order.cancelled for order in customers.placed)
    refused = sum(bool(order.refusal) for order in customers.placed)
    resets = sum(balancer.resets for balancer in balancers)
    said = sum(front.interfered.total() for front in fronts) + sum(balancer.answered for balancer in balancers)
    return (
        f"{dict(ends)}; {cancelled} cancelled, {refused} cancels refused, {resets} connections reset, "
        f"StartOrder repeated {len(customers.refusals)} times, {said} answers not the participant's, "
        f"resumed because of {dict(operator.resumed)}"
    )


if __name__ == "__main__":
    sys.exit(main())
