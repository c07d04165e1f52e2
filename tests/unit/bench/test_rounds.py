"""Contenders take turns, and the first round counts for nothing."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench.processes import Watched
from tests.bench.rounds import closed_loop, interleaved


class Noted:
    """A contender that notes what is asked of it."""

    def __init__(self, name: str, heard: list[str]) -> None:
        self.name = name
        self.heard = heard

    async def run(self, number: int, _in_flight: int) -> list[float]:
        self.heard.append(self.name)
        return [0.001] * number

    async def catch_up(self, number: int) -> None:
        self.heard.append(f"{self.name} did {number}")

    async def finish(self) -> None:
        self.heard.append(f"{self.name} ended")


async def test_contenders_take_turns_and_each_round_begins_with_another_one() -> None:
    heard: list[str] = []

    await interleaved([Noted("a", heard), Noted("b", heard)], Watched({}), rounds=1, number=3, in_flight=2)

    a, b = ["a", "a did 3", "a ended"], ["b", "b did 3", "b ended"]
    assert heard == [*a, *b, *b, *a]


async def test_the_first_contender_is_the_measure_of_the_others() -> None:
    first, second = await interleaved([Noted("a", []), Noted("b", [])], Watched({}), rounds=3, number=20, in_flight=4)

    assert first.ratio == first.p50_ratio == first.cpu_ratio == (1.0, 1.0, 1.0)
    assert second.ratio.lowest <= second.ratio.median <= second.ratio.highest
    assert list(second.cpu) == ["orchestrator"]


async def test_so_many_are_in_flight_at_any_time_and_so_many_run_in_all() -> None:
    running, seen, numbers = 0, set(), []

    async def one(number: int) -> None:
        nonlocal running
        running += 1
        seen.add(running)
        numbers.append(number)
        await asyncio.sleep(0)
        running -= 1

    took = await closed_loop(one, 10, 3)

    assert max(seen) == 3
    assert sorted(numbers) == list(range(10))
    assert len(took) == 10


async def test_one_that_fails_ends_the_round_with_its_own_error() -> None:
    async def one(_number: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await closed_loop(one, 10, 3)
