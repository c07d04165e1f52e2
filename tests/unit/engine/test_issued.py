"""What a stopped saga leaves behind is no warning."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import TYPE_CHECKING

from orchestrator import best_effort
from orchestrator.engine.run.issued import Issued

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

import pytest


@pytest.fixture
def told() -> Iterator[list[warnings.WarningMessage]]:
    """The warnings so far."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield found


async def answer() -> int:
    await asyncio.sleep(0)
    return 7


async def test_a_branch_that_is_stopped_before_it_began_warns_of_nothing(told: list[warnings.WarningMessage]) -> None:
    branch = asyncio.ensure_future(best_effort(Issued(answer())))
    branch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await branch
    del branch
    gc.collect()

    assert told == []


@pytest.mark.parametrize("way", [asyncio.ensure_future, asyncio.gather, best_effort, lambda call: call])
async def test_an_issued_call_is_awaited_in_every_way_that_a_coroutine_is(
    way: Callable[[Issued[int]], Awaitable[object]],
) -> None:
    assert await way(Issued(answer())) in (7, [7])


async def test_an_issued_call_runs_in_a_task_group() -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(Issued(answer()))

    assert task.result() == 7


async def test_a_call_in_flight_is_cancelled_like_any_other() -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        begun.set()
        await never.wait()

    task = asyncio.ensure_future(Issued(hangs()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
