"""A process of its own: starts and ends sagas, repeats the starts of old ones, and deletes them at the same time.

``python -m tests.crash.repeating <journal> <name> <seed> [<old id>...]`` says a line for each start that was durable,
``began <id>``, and one for each that was refused: ``there <id>`` or ``deleted <id>``. It goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replica.upkeep.retention import RetentionPasses
from orchestrator.errors import SagaDeleted, SagaExists
from orchestrator.journal.retention import Rules, parse_rule
from orchestrator.journal.state import Status
from orchestrator.store.opening import open_store
from tests.support.journals import ATTRIBUTES, Writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.ports.journal import Journal

_CUSTOMERS: Final = 8
_STAYS: Final = 0.1
"""How many sagas never end, and so stay."""


class QuickClock:
    """Shows the machine's time, and lets others have a turn instead of resting."""

    now = staticmethod(time.time_ns)
    elapsed = staticmethod(time.monotonic_ns)

    async def sleep(self, _seconds: float) -> None:
        """Rest for one turn."""
        await asyncio.sleep(0.001)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """See the port."""
        return asyncio.get_running_loop().call_later(seconds, callback)


async def main() -> None:
    """As the command line says."""
    url, name, seed, *old = sys.argv[1:]
    journal, chance = await open_store(url), random.Random(seed)
    passes = RetentionPasses(journal, QuickClock(), Rules([parse_rule("*:completed=0s:delete")]))
    async with asyncio.TaskGroup() as tasks:
        for number in range(_CUSTOMERS):
            tasks.create_task(_buy(journal, f"{name}-{number}", old, chance))
        tasks.create_task(_delete(passes))


async def _delete(passes: RetentionPasses) -> None:
    while True:
        await passes.run_once()


async def _buy(journal: Journal, customer: str, old: list[str], chance: random.Random) -> None:
    number = 0
    while True:
        number += 1
        is_repeated = old and chance.random() < 0.5
        saga_id = chance.choice(old) if is_repeated else f"{customer}-{number}"
        writer = Writing(journal, saga_id, owner=customer)
        try:
            await writer.start(attributes=ATTRIBUTES)
        except SagaDeleted:
            _say("deleted", saga_id)
            continue
        except SagaExists:
            _say("there", saga_id)
            continue
        _say("began", saga_id)
        old.append(saga_id)
        if chance.random() >= _STAYS:
            await writer.end(Status.COMPLETED)


def _say(what: str, saga_id: str) -> None:
    sys.stdout.write(f"{what} {saga_id}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
