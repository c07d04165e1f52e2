"""What goes wrong while customers order: processes die, at random and yet repeatably, and cancels rain."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from tests.crash.balancer import PASS_ON, STATUSES

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from tests.crash.balancer import Balancer
    from tests.crash.customers import Customers
    from tests.crash.processes import Process

_LONGEST_PAUSE_SECONDS: Final = 1.0


@asynccontextmanager
async def going_wrong(*troubles: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """While the block is going on, so are these; a trouble that fails itself fails the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_until_cancelled(trouble)) for trouble in troubles]
        yield
        for task in tasks:
            task.cancel()


async def killing(
    chance: random.Random,
    victims: Sequence[Process],
    *,
    pause: float = _LONGEST_PAUSE_SECONDS,
    times: int | None = None,
) -> None:
    """So many times, or for ever, kill one of these with -9 and start it again, sometimes after a while."""
    for _ in count() if times is None else range(times):
        await asyncio.sleep(chance.uniform(0, pause))
        victim = chance.choice(victims)
        try:
            victim.kill()
            await asyncio.sleep(chance.choice((0, 0, chance.uniform(0, pause))))
        finally:
            # Whatever was killed serves again when the block is left.
            await _undisturbed(victim.restart())


class Victim(Protocol):
    """What is killed, and serves again."""

    def kill(self) -> None:
        """Kill it with -9."""

    async def restart(self) -> None:
        """Start it, and wait until it serves."""


async def killing_in_turn(
    chance: random.Random, victims: Sequence[Victim], *, rounds: int, pause: float = _LONGEST_PAUSE_SECONDS
) -> None:
    """So many times, kill each of these in turn with -9 and start it again a while later."""
    for victim in [each for _ in range(rounds) for each in victims]:
        await asyncio.sleep(chance.uniform(0, pause))
        try:
            victim.kill()
            await asyncio.sleep(chance.uniform(0, pause))
        finally:
            # Whatever was killed serves again when the block is left.
            await _undisturbed(victim.restart())


async def freezing(chance: random.Random, victims: Sequence[Process], seconds: float) -> None:
    """Again and again, take the time away from one of these for so long, and give it back."""
    while True:
        await asyncio.sleep(chance.uniform(0, _LONGEST_PAUSE_SECONDS))
        victim = chance.choice(victims)
        if not victim.running:
            continue
        victim.freeze()
        try:
            await asyncio.sleep(chance.uniform(0, seconds))
        finally:
            if victim.running:
                victim.thaw()


async def misrouting(chance: random.Random, balancers: Sequence[Balancer], seconds: float, pause: float) -> None:
    """Again and again, let one of these answer HTTP in its participant's place for so long."""
    while True:
        await asyncio.sleep(chance.uniform(0, pause))
        balancer = chance.choice(balancers)
        balancer.turn(chance.choice(STATUSES))
        try:
            await asyncio.sleep(chance.uniform(0, seconds))
        finally:
            balancer.turn(PASS_ON)


async def raining_cancels(chance: random.Random, customers: Customers, pause: float = 0.05) -> None:
    """Again and again, cancel some order that is under way."""
    while True:
        await asyncio.sleep(chance.uniform(0, pause))
        under_way = [order for order in customers.placed if order.order_id and not order.ended]
        if under_way:
            await customers.cancel(chance.choice(under_way))


async def _undisturbed(work: Coroutine[object, object, None]) -> None:
    """Finish this work, whether it is cancelled or not."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _until_cancelled(trouble: Coroutine[object, object, None]) -> None:
    try:
        await trouble
    except asyncio.CancelledError:
        return
