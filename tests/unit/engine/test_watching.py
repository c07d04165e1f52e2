"""Who watches a saga, or all of them, sees them change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import SagaState, Status
from tests.support.engine_world import FORWARD, SAGA, altered, trip, turns, unknown, until
from tests.unit.engine.held_sagas import started

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.replica.worker import Worker
    from tests.support.engine_world import EngineWorld


async def watched(worker: Worker, saga_id: str = SAGA) -> list[tuple[Status | None, int]]:
    return [(state.status, len(state.commands)) async for state in worker.watch(saga_id)]


async def test_a_watcher_sees_the_saga_change_until_its_end(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    watching = asyncio.ensure_future(watched(process.worker))
    await turns()
    answer.give()
    seen = await watching

    assert seen[0] == (Status.RUNNING, 2)
    assert seen[-1] == (Status.COMPLETED, len(FORWARD))
    assert len(seen) > 3
    assert seen == sorted(seen, key=lambda each: each[1])


async def test_a_watcher_that_is_busy_while_the_saga_ends_still_sees_the_end(world: EngineWorld) -> None:
    process, answer = await started(world, "ReserveStock")
    seen: list[SagaState] = []
    statuses = []
    async for state in process.worker.watch(SAGA):
        seen.append(state)
        statuses.append(state.status)
        if len(seen) == 1:
            answer.give()
            await world.stopped()
            await turns()

    assert statuses == [Status.RUNNING, Status.COMPLETED]


async def test_a_watcher_of_an_ended_saga_sees_its_end_once(world: EngineWorld) -> None:
    process = world.process()
    await process.run()

    assert await watched(process.worker) == [(Status.COMPLETED, len(FORWARD))]


async def test_a_watcher_at_another_replica_sees_the_end_too(world: EngineWorld) -> None:
    _, answer = await started(world, "ReserveStock")
    watching = asyncio.ensure_future(watched(world.process().worker))
    await turns(5)
    answer.give()

    assert (await watching)[-1] == (Status.COMPLETED, len(FORWARD))


async def test_a_watcher_stays_when_the_saga_is_suspended_and_sees_it_rolled_back(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(altered(trip, "AuthorizePayment", on_unknown=OnUnknown.SUSPEND, retry=RetryPolicy(attempts=1)))
    world.participants.scripts["AuthorizePayment"] = [unknown()]
    process = world.process()
    await process.run()
    statuses = []
    async for state in process.worker.watch(SAGA):
        statuses.append(state.status)
        if state.status is Status.SUSPENDED and len(statuses) == 2:
            await process.acts.cancel(SAGA, "enough", Actor("ada"))

    assert statuses[:2] == [Status.SUSPENDED] * 2
    assert statuses[-1] is Status.COMPENSATED


async def test_changes_within_a_fifth_of_a_second_are_one_to_who_watches_all_sagas(world: EngineWorld) -> None:
    process = world.process()
    seen: list[Status | None] = []

    async def watch() -> None:
        async for state in process.worker.watch_all():
            seen.append(state.status)  # noqa: PERF401 - it never ends

    watching = asyncio.ensure_future(watch())
    await turns()
    await process.run()
    await until(lambda: Status.COMPLETED in seen)
    watching.cancel()

    assert world.clock.slept.count(0.2) >= 1
