"""A saga that waits for long leaves the memory, and goes on when its time has come, on any replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.journal import entries as e
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.journal.waits import WaitEnd
from tests.support.engine_world import SAGA, EngineWorld, turns, until
from tests.support.waiting_sagas import DAY, INSTANT, brief, hurried, punctual, sleepy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineProcess

    WorldOf = Callable[..., EngineWorld]


async def parked(world: EngineWorld) -> EngineProcess:
    """A replica that has parked the saga of the world."""
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: world.state().status is Status.WAITING)
    await turns()
    return process


async def test_a_saga_that_sleeps_for_a_day_is_parked_without_memory_and_claim(world_of: WorldOf) -> None:
    world = world_of(sleepy)
    process = await parked(world)

    assert not process.worker.live
    wait = world.state().waits["sleep#1"]
    assert world.state().wake_at == wait.due_at
    assert wait.due_at - wait.began_at == pytest.approx(DAY * 1e9, rel=1e-6)
    assert [call.method for call in world.participants.calls] == ["ReserveStock"]


async def test_a_parked_saga_goes_on_when_its_time_has_come_and_not_before(world_of: WorldOf) -> None:
    world = world_of(sleepy)
    await parked(world)

    world.clock.advance(DAY - 60)
    await turns()
    assert world.state().status is Status.WAITING

    world.clock.advance(61)
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert [call.method for call in world.participants.calls] == ["ReserveStock", "CapturePayment"]
    kinds = [type(entry) for entry in world.entries()]
    assert kinds.count(e.SagaParked) == kinds.count(e.SagaWoken) == 1
    assert [entry.how for entry in world.entries() if isinstance(entry, e.WaitEnded)] == [WaitEnd.DUE]


async def test_another_replica_goes_on_with_a_parked_saga(world_of: WorldOf) -> None:
    world = world_of(sleepy)
    await parked(world)
    world.crash()
    world.clock.advance(DAY + 1)

    await world.open()
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert not any(isinstance(entry, e.SagaRecovered) for entry in world.entries())


async def test_an_instant_is_waited_for(world_of: WorldOf) -> None:
    world = world_of(punctual)
    await parked(world)

    assert world.state().wake_at == INSTANT.timestamp() * 1e9
    world.clock.advance(2 * 3600)
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_span_of_nothing_or_less_is_over_at_once(world_of: WorldOf) -> None:
    world = world_of(brief)
    process = await world.open()

    state = await process.run()

    assert state.status is Status.COMPLETED
    assert [entry.key for entry in world.entries() if isinstance(entry, e.WaitEnded)] == [
        "sleep#1",
        "sleep#2",
        "sleep#3",
    ]
    assert not any(isinstance(entry, e.SagaParked) for entry in world.entries())


async def test_the_deadline_of_a_parked_saga_rolls_it_back_in_time_for_its_reserve(world_of: WorldOf) -> None:
    world = world_of(hurried)
    await parked(world)
    assert world.state().wake_at == world.state().forward_until

    world.clock.advance(3_600 + 30)
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert state.rollback is not None
    assert state.rollback.code == ReasonCode.DEADLINE
    assert [call.method for call in world.participants.calls] == ["ReserveStock", "ReleaseStock"]


async def test_a_crash_while_a_saga_sleeps_changes_nothing_about_its_time(world_of: WorldOf) -> None:
    world = world_of(sleepy)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: "sleep#1" in world.state().waits)
    due_at = world.state().waits["sleep#1"].due_at

    await world.recover()
    await until(lambda: world.state().status is Status.WAITING)

    assert world.state().waits["sleep#1"].due_at == due_at == world.state().wake_at
    assert len(world.state().waits) == 1
    assert SAGA not in process.worker.live or process.is_dead
