"""Turns of the loop, for a test that waits for something or shows that nothing comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


async def until(condition: Callable[[], object], most: int = 10_000) -> None:
    """Give the loop turns until the condition holds."""
    for _ in range(most):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition never held")


async def turns(number: int = 100) -> None:
    """Give the loop turns, in which nothing more should happen."""
    for _ in range(number):
        await asyncio.sleep(0)


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()
