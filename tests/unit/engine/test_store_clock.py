"""Leases are judged by the store's clock: a replica whose own clock is wrong takes nothing and loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, Answer, turns, until
from tests.support.wrong_clock import WrongClock

if TYPE_CHECKING:
    from tests.support.engine_world import EngineWorld

HOUR = 3600


async def let_leases_be_renewed(world: EngineWorld) -> None:
    """Longer than a lease, in steps in which every replica that lives renews its own."""
    for _ in range(5):
        world.clock.advance(21)
        await turns()


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
async def test_a_replica_whose_clock_is_an_hour_wrong_claims_nothing_that_is_alive(
    world: EngineWorld, wrong: int
) -> None:
    right = await world.open()
    answer = Answer()
    world.participants.scripts["AuthorizePayment"].append(answer)
    await right.worker.start(world.order())
    await until(lambda: answer.asked)

    other = world.process(clock=WrongClock(world.clock, wrong))
    assert await other.worker.open() == 0
    await let_leases_be_renewed(world)
    assert SAGA in right.worker.live
    assert not other.worker.live
    answer.give()
    assert (await world.stopped()).status is Status.COMPLETED


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
async def test_a_replica_whose_clock_is_an_hour_wrong_loses_nothing_while_it_is_alive(
    world: EngineWorld, wrong: int
) -> None:
    with_wrong_clock = world.process(clock=WrongClock(world.clock, wrong))
    await with_wrong_clock.worker.open()
    answer = Answer()
    world.participants.scripts["AuthorizePayment"].append(answer)
    await with_wrong_clock.worker.start(world.order())
    await until(lambda: answer.asked)

    other = await world.open()
    await let_leases_be_renewed(world)
    assert SAGA in with_wrong_clock.worker.live
    assert not other.worker.live
    answer.give()
    assert (await world.stopped()).status is Status.COMPLETED


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
async def test_what_a_replica_with_a_wrong_clock_leaves_behind_is_recovered_once_its_lease_has_lapsed(
    world: EngineWorld, wrong: int
) -> None:
    dies = world.process(clock=WrongClock(world.clock, wrong))
    await dies.worker.open()
    answer = Answer()
    world.participants.scripts["AuthorizePayment"].append(answer)
    await dies.worker.start(world.order())
    await until(lambda: answer.asked)
    dies.kill()
    heir = await world.open()
    assert not heir.worker.live
    await let_leases_be_renewed(world)

    assert (await world.stopped()).status is Status.COMPLETED
