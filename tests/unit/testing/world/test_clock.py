"""The clock of a simulated replica: wrong by some seconds, and too fast or too slow."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from orchestrator.testing.world.clock import EPOCH, VirtualClock
from orchestrator.testing.world.virtual_loop import VirtualLoop


@pytest.mark.parametrize("drift", [-0.5, 0.0, 0.25])
def test_a_clock_that_drifts_shows_its_own_seconds_and_sleeps_by_them(drift: float) -> None:
    clock = VirtualClock(skew=7.0, drift=drift)

    async def sleep() -> tuple[int, int]:
        before = clock.now()
        await clock.sleep(10.0)
        return before, clock.now()

    with contextlib.closing(VirtualLoop()) as loop:
        before, after = loop.run_until_complete(sleep())
        assert loop.time() == pytest.approx(10.0 / (1.0 + drift))
    assert before == EPOCH + 7_000_000_000
    assert after - before == pytest.approx(10_000_000_000)


def test_a_call_comes_after_so_many_seconds_of_a_fast_clock() -> None:
    clock = VirtualClock(drift=1.0)

    async def called() -> None:
        done = asyncio.get_running_loop().create_future()
        clock.call_after(10.0, lambda: done.set_result(None))
        await done

    with contextlib.closing(VirtualLoop()) as loop:
        loop.run_until_complete(called())
        assert loop.time() == pytest.approx(5.0)
