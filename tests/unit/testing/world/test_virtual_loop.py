"""Virtual time, and orders that a seed decides, within what asyncio promises."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from orchestrator.testing.world.virtual_loop import Process, StandsStill, VirtualLoop, call_outside

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    with contextlib.closing(VirtualLoop(Random(1))) as virtual:
        yield virtual
        virtual.sweep()


def run(seed: int, scenario: Callable[[VirtualLoop], Coroutine[None, None, object]]) -> object:
    with contextlib.closing(VirtualLoop(Random(seed))) as virtual:
        return virtual.run_until_complete(scenario(virtual))


def test_time_passes_only_when_there_is_nothing_left_to_do(loop: VirtualLoop) -> None:
    async def sleep_for_a_year() -> float:
        await asyncio.sleep(365 * 86_400)
        return loop.time()

    assert loop.run_until_complete(sleep_for_a_year()) == 365 * 86_400


def test_a_world_in_which_nothing_will_ever_happen_stands_still(loop: VirtualLoop) -> None:
    waiting = loop.create_future()
    with pytest.raises(StandsStill, match="nothing will ever happen"):
        loop.run_until_complete(waiting)


def test_a_world_in_which_a_task_is_busy_for_ever_stands_still(loop: VirtualLoop) -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110 - it is to be busy
            await asyncio.sleep(0)

    with pytest.raises(StandsStill, match="a task is busy for ever"):
        loop.run_until_complete(spin())


async def _ready_at_once(loop: VirtualLoop) -> str:
    order: list[str] = []
    for name in "abcdefgh":
        loop.call_soon(order.append, name)
    await asyncio.sleep(0.1)
    return "".join(order)


def test_the_seed_decides_the_order_of_what_is_ready() -> None:
    assert run(1, _ready_at_once) == run(1, _ready_at_once)
    assert len({run(seed, _ready_at_once) for seed in range(20)}) > 10


def test_without_a_seed_what_is_ready_runs_in_the_order_in_which_it_became_ready() -> None:
    with contextlib.closing(VirtualLoop()) as virtual:
        assert virtual.run_until_complete(_ready_at_once(virtual)) == "abcdefgh"


def test_the_callbacks_of_one_future_keep_their_order() -> None:
    async def scenario(loop: VirtualLoop) -> str:
        order: list[str] = []
        future = loop.create_future()
        for name in "abcdef":
            future.add_done_callback(lambda _, name=name: order.append(name))  # type: ignore[misc]
        for _ in range(5):
            loop.call_soon(lambda: None)
        future.set_result(None)
        await asyncio.sleep(0.1)
        return "".join(order)

    assert {run(seed, scenario) for seed in range(20)} == {"abcdef"}


def test_a_set_of_tasks_is_walked_in_the_same_order_each_time() -> None:
    async def scenario(loop: VirtualLoop) -> list[str]:
        tasks = {loop.create_task(asyncio.sleep(1)) for _ in range(50)}
        names = [task.get_name() for task in tasks]
        await asyncio.wait(tasks)
        return names

    assert run(1, scenario) == run(1, scenario)


def test_what_a_frozen_process_was_to_do_is_done_once_it_goes_on(loop: VirtualLoop) -> None:
    process = Process("replica")
    done: list[float] = []

    async def tick() -> None:
        while len(done) < 3:
            await asyncio.sleep(1)
            done.append(loop.time())

    async def scenario() -> None:
        ticking = process.spawn(tick())
        await asyncio.sleep(1.5)
        process.freeze()
        await asyncio.sleep(8)
        loop.thaw(process)
        await ticking

    loop.run_until_complete(scenario())
    assert done == [1.0, 9.5, 10.5]


def test_a_crashed_process_does_nothing_ever_again_and_is_swept_away(loop: VirtualLoop) -> None:
    process = Process("replica")
    ended: list[str] = []

    async def live() -> None:
        try:
            await asyncio.sleep(1)
            ended.append("lived on")
        finally:
            ended.append("swept")

    async def scenario() -> None:
        process.spawn(live())
        await asyncio.sleep(0.5)
        process.crash()
        await asyncio.sleep(100)

    loop.run_until_complete(scenario())
    assert ended == []
    loop.sweep()
    assert ended == ["swept"]
    assert not asyncio.all_tasks(loop)


def test_what_belongs_to_no_process_goes_on_after_a_crash(loop: VirtualLoop) -> None:
    process = Process("replica")
    arrived: list[float] = []

    async def send() -> None:
        call_outside(1, lambda: arrived.append(loop.time()))

    async def scenario() -> None:
        await process.spawn(send())
        process.crash()
        await asyncio.sleep(2)

    loop.run_until_complete(scenario())
    assert arrived == [1.0]
