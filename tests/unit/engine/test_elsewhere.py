"""Watching, and waiting for, sagas that another replica advances."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.state import Status
from tests.support.engine_world import FORWARD, SAGA, Answer, EngineWorld, trip, turns, until
from tests.support.journals import Writing, recovered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.engine_world import EngineProcess

Seen = list[tuple[str, Status | None, int]]


@pytest.fixture
async def world() -> AsyncIterator[EngineWorld]:
    world = EngineWorld(trip, shared=True)
    yield world
    world.check_promises()
    await world.end()


async def held(world: EngineWorld, owner: EngineProcess) -> Answer:
    """A saga that waits for the answer of its third command."""
    answer = Answer()
    world.participants.scripts["AuthorizePayment"] = [answer]
    await owner.worker.start(world.order())
    await until(lambda: answer.asked)
    return answer


def feed_of(process: EngineProcess) -> tuple[Seen, asyncio.Task[None]]:
    seen: Seen = []

    async def read() -> None:
        async for state in process.worker.watch_all():
            seen.append((state.saga_id, state.status, len(state.commands)))

    return seen, asyncio.ensure_future(read())


async def test_a_start_that_is_repeated_at_another_replica_waits_for_the_end(world: EngineWorld) -> None:
    owner, other = await world.open(), await world.open()
    answer = await held(world, owner)
    repeated = asyncio.ensure_future(other.worker.start(world.order(), wait=60))
    await world.let_pass(5)
    assert not repeated.done()
    answer.give()
    await world.let_pass(3)

    assert (await repeated).status is Status.COMPLETED


async def test_who_waits_at_another_replica_long_enough_is_answered_with_the_saga_as_it_stands(
    world: EngineWorld,
) -> None:
    owner, other = await world.open(), await world.open()
    answer = await held(world, owner)
    repeated = asyncio.ensure_future(other.worker.start(world.order(), wait=4))
    await world.let_pass(5)

    assert (await repeated).status is Status.RUNNING
    answer.give()
    await world.stopped()


async def test_a_hundred_watchers_of_other_replicas_sagas_cost_one_query_at_a_time(world: EngineWorld) -> None:
    owner, other = await world.open(), await world.open()
    answer = await held(world, owner)
    asked: list[int] = []
    find_each, read = other.journal.find_each, other.journal.read
    reads: list[str] = []

    async def count(saga_ids: list[str]) -> object:
        asked.append(len(saga_ids))
        return await find_each(saga_ids)

    async def count_read(saga_id: str) -> object:
        reads.append(saga_id)
        return await read(saga_id)

    other.journal.find_each = count  # type: ignore[assignment,method-assign]  # it counts
    other.journal.read = count_read  # type: ignore[assignment,method-assign]  # it counts

    async def watch() -> list[Status | None]:
        return [state.status async for state in other.worker.watch(SAGA)]

    watching = [asyncio.ensure_future(watch()) for _ in range(100)]
    await world.let_pass(10)
    assert len(asked) < 15
    assert set(asked) == {1}
    quiet = len(reads)
    await world.let_pass(10)
    assert len(reads) == quiet, "nothing has changed"
    answer.give()
    await world.let_pass(3)

    assert {(await each)[-1] for each in watching} == {Status.COMPLETED}


async def test_who_watches_all_sagas_sees_those_of_every_replica(world: EngineWorld) -> None:
    owner, other = await world.open(), await world.open()
    seen, reading = feed_of(other)
    await world.let_pass(2)
    answer = await held(world, owner)
    await world.let_pass(2)
    assert (SAGA, Status.RUNNING, 3) in seen
    answer.give()
    await world.let_pass(4)

    assert seen[-1] == (SAGA, Status.COMPLETED, len(FORWARD))
    reading.cancel()


async def test_who_watches_all_sagas_sees_one_that_starts_and_ends_between_two_looks(world: EngineWorld) -> None:
    owner, other = await world.open(), await world.open()
    other.journal.is_deaf = True
    seen, reading = feed_of(other)
    await world.let_pass(4)
    await owner.run(saga_id="quick")
    await world.let_pass(4)

    assert seen == [("quick", Status.COMPLETED, len(FORWARD))]
    reading.cancel()


async def test_who_watches_all_sagas_sees_one_parked_and_woken_elsewhere_between_two_looks(world: EngineWorld) -> None:
    _, other = await world.open(), await world.open()
    seen, reading = feed_of(other)
    parked = Writing(world.journal, "parked", owner="elsewhere")
    await parked.start()
    await parked.park(None)
    await world.let_pass(4)
    assert not seen, "it was parked before anybody watched"

    for length in (1, 2):
        claim = await world.journal.claim_resting("elsewhere", "parked")
        assert claim is not None
        parked.token = claim.token
        await parked.write(recovered(length))
        await parked.park(None)
        await world.let_pass(4)
        assert [saga_id for saga_id, _, _ in seen] == ["parked"] * length
    reading.cancel()


async def test_a_replica_that_wakes_late_what_it_serves_does_not_say_that_nobody_serves_it(
    world: EngineWorld, caplog: pytest.LogCaptureFixture
) -> None:
    for process in (await world.open(), await world.open()):
        process.worker.recovery.timers.most_live = 0
    late, foreign = Writing(world.journal, "late", owner="x"), Writing(world.journal, "foreign", owner="x")
    await late.start(definition="trip")
    await foreign.start(definition="not_served")
    for each in (late, foreign):
        await each.park(world.clock.now())
    with caplog.at_level(logging.WARNING, "orchestrator.engine.replica.claiming.recovery"):
        await world.let_pass(500, step=1.0)

    told = {record.getMessage() for record in caplog.records if record.name.endswith("recovery")}
    assert told == {"no replica advances 1 sagas of not_served v1: serve the code of that version"}


async def test_the_end_of_a_saga_of_this_very_replica_is_told_once(world: EngineWorld) -> None:
    own, _ = await world.open(), await world.open()
    seen, reading = feed_of(own)
    await world.let_pass(4)
    await own.run()
    await world.let_pass(6)

    assert [status for _, status, _ in seen].count(Status.COMPLETED) == 1
    reading.cancel()


async def test_a_version_that_nobody_serves_is_named_in_the_log_now_and_then(
    world: EngineWorld, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await world.open()
    answer = await held(world, owner)
    owner.kill()
    await world.open(dataclasses.replace(trip, version=2))
    with caplog.at_level(logging.WARNING, "orchestrator.engine.replica.claiming.recovery"):
        await world.let_pass(500, step=1.0)

    told = [record.getMessage() for record in caplog.records]
    assert set(told) == {"no replica advances 1 sagas of trip v1: serve the code of that version"}
    assert 2 <= len(told) <= 4
    answer.give()


async def test_nobody_looks_elsewhere_when_nobody_watches(world: EngineWorld) -> None:
    owner, other = await world.open(), await world.open()
    answer = await held(world, owner)
    _, reading = feed_of(other)
    watching = aiter(other.worker.watch(SAGA))
    await anext(watching)
    await world.let_pass(2)
    reading.cancel()
    await watching.aclose()  # type: ignore[attr-defined]  # it is a generator
    await world.let_pass(3)
    asked: list[object] = []
    other.journal.find_each = asked.append  # type: ignore[assignment,method-assign]  # it is not called
    other.journal.moving = asked.append  # type: ignore[assignment,method-assign]  # nor is this
    await world.let_pass(5)

    assert not asked
    answer.give()
    await turns()
