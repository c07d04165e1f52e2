"""Replicas that are woken by what others do: they look at once, and not only after a pause.

In these tests no time passes by itself. So whatever happens without :meth:`EngineWorld.let_pass` is done by a wake.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.replica.pause import Pause
from orchestrator.engine.replica.watching.elsewhere import _LEAST_PAUSE_SECONDS
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.state import Status
from orchestrator.testing.world.clock import JumpingClock
from tests.support.engine_world import SAGA, Answer, EngineWorld, trip, turns, unknown, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.engine_world import EngineProcess


@pytest.fixture
async def world() -> AsyncIterator[EngineWorld]:
    world = EngineWorld(trip, shared=True)
    yield world
    world.check_promises()
    await world.end()


async def two_of(world: EngineWorld) -> tuple[EngineProcess, EngineProcess]:
    """Two replicas, after their first looks."""
    owner, other = await world.open(), await world.open()
    await turns()
    return owner, other


async def held(world: EngineWorld, owner: EngineProcess) -> Answer:
    """A saga that waits for the answer of its third command."""
    answer = Answer()
    world.participants.scripts["AuthorizePayment"] = [answer]
    await owner.worker.start(world.order())
    await until(lambda: answer.asked)
    return answer


async def test_an_act_through_another_replica_is_done_and_answered_before_any_time_has_passed(
    world: EngineWorld,
) -> None:
    owner, other = await two_of(world)
    world.participants.scripts["AuthorizePayment"] = [unknown()]
    await owner.worker.start(world.order())
    await turns()
    pause = asyncio.ensure_future(other.sagas.act(Act.PAUSE, SAGA, "wait", Actor("ada")))
    await turns()

    assert pause.done()
    assert pause.result().status is Status.SUSPENDED


async def test_a_saga_that_is_handed_over_is_claimed_before_any_time_has_passed(world: EngineWorld) -> None:
    owner, other = await two_of(world)
    answer = await held(world, owner)
    closing = asyncio.ensure_future(owner.worker.close(grace=60))
    await turns()
    answer.give()
    await closing
    await turns()

    assert (await world.stopped()).status is Status.COMPLETED
    assert not other.worker.live


@pytest.mark.parametrize("is_deaf", [False, True], ids=["woken", "by polling alone"])
async def test_the_end_of_a_saga_is_told_at_another_replica_after_the_least_pause_or_else_at_the_next_look(
    world: EngineWorld,
    is_deaf: bool,
) -> None:
    owner, other = await two_of(world)
    answer = await held(world, owner)
    other.journal.is_deaf = is_deaf
    repeated = asyncio.ensure_future(other.worker.start(world.order(), wait=60))
    await world.let_pass(10)
    answer.give()
    await world.stopped()
    await world.let_pass(_LEAST_PAUSE_SECONDS, step=_LEAST_PAUSE_SECONDS)

    assert repeated.done() is not is_deaf
    await world.let_pass(2)
    assert repeated.done()


async def test_what_happens_at_sagas_that_nobody_watches_makes_nobody_look(world: EngineWorld) -> None:
    owner, other = await two_of(world)
    answer = await held(world, owner)
    watching = aiter(other.worker.watch(SAGA))
    await anext(watching)
    await world.let_pass(10)
    asked: list[object] = []
    other.journal.find_each = asked.append  # type: ignore[assignment,method-assign]  # it is not called
    await owner.run(saga_id="another")
    await world.let_pass(_LEAST_PAUSE_SECONDS, step=_LEAST_PAUSE_SECONDS)

    assert not asked
    await watching.aclose()  # type: ignore[attr-defined]  # it is a generator
    answer.give()
    await world.stopped()


async def test_a_pause_that_was_ended_before_it_began_does_not_take_place_and_the_next_one_does() -> None:
    clock = JumpingClock()
    clock.hold_from = 0.0
    pause = Pause(clock)
    pause.end()
    await pause.last(60.0)
    following = asyncio.ensure_future(pause.last(60.0))
    await turns()
    assert not following.done()

    clock.advance(60.0)
    await turns()
    assert following.done()
