"""Sagas that have come to a method whose answer is held back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.engine_world import Answer, until

if TYPE_CHECKING:
    from tests.support.engine_world import EngineProcess, EngineWorld


async def started(world: EngineWorld, method: str) -> tuple[EngineProcess, Answer]:
    """A saga that waits for the answer to this method."""
    answer = Answer()
    world.participants.scripts[method].append(answer)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)
    return process, answer


async def interrupted(world: EngineWorld, method: str) -> int:
    """Let the saga come to this method, whose answer never comes; how many attempts were made until then."""
    never = Answer()
    world.participants.scripts[method].append(never)
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: never.asked)
    run.cancel()
    return len(world.participants.calls)
