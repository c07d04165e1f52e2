"""Replicas are told of the answers that come by a queue: once, and again where one has died before its saga had it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status
from orchestrator.testing.world.queue import TELLS_AGAIN_SECONDS, Told
from tests.support.engine_world import FORWARD, SAGA, Answer, turns, until
from tests.support.queued_sagas import PRICING, being_parked, let_park, let_pass_until, park_and_crash, parked
from tests.support.waiting_sagas import sleepy

if TYPE_CHECKING:
    import pytest

    from tests.support.engine_world import EngineWorld


async def test_an_answer_to_a_saga_that_is_being_parked_outlives_the_crash_of_its_replica(world: EngineWorld) -> None:
    queue = world.by_queue()
    queue.go_away()
    process = await world.open()
    await process.worker.start(world.order())
    await being_parked(world, process)
    queue.come_back()
    await until(lambda: queue.owed)
    await turns()
    park_and_crash(world, process)
    world.crash()
    await world.open()
    await turns()
    assert world.state().status is Status.WAITING
    world.clock.advance(TELLS_AGAIN_SECONDS)

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD
    assert [entry.why for entry in world.entries() if isinstance(entry, e.SagaWoken)] == ["answer"]


async def test_so_does_one_of_which_another_replica_is_told(shared_world: EngineWorld) -> None:
    world = shared_world
    queue = world.by_queue()
    world.clock.hold_from = 0.0
    queue.go_away()
    listening, process = await world.open(), await world.open()
    await process.worker.start(world.order())
    await being_parked(world, process)
    queue.come_back()
    await until(lambda: queue.owed)
    await turns()
    park_and_crash(world, process)
    await world.let_pass(TELLS_AGAIN_SECONDS + 1)

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD
    assert [entry.owner for entry in world.entries() if isinstance(entry, e.SagaWoken)] == [listening.worker.owner]


async def test_so_does_one_whose_saga_was_being_woken(world: EngineWorld) -> None:
    process, queue = await parked(world)
    process.journal.journal_is = "held"
    queue.come_back()
    await until(lambda: process.worker.live)
    world.clock.advance(2.0)
    await turns()
    world.crash()
    await world.open()
    await turns()
    assert world.state().status is Status.WAITING
    world.clock.advance(TELLS_AGAIN_SECONDS)

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD


async def test_so_does_one_whose_saga_was_being_cancelled_and_needs_it_no_more(world: EngineWorld) -> None:
    process, queue = await parked(world)
    process.journal.journal_is = "held"
    cancelling = asyncio.ensure_future(process.acts.cancel(SAGA, "enough", Actor("ada")))
    await until(lambda: process.worker.live and process.worker.live[SAGA].state.rollback)
    queue.come_back()
    await until(lambda: queue.owed)
    await turns()
    world.crash()
    await world.open()
    world.clock.advance(TELLS_AGAIN_SECONDS)

    assert (await world.stopped()).status is Status.COMPLETED
    assert not cancelling.done()


async def test_a_replica_that_does_not_serve_the_saga_leaves_its_answer_to_one_that_does(
    shared_world: EngineWorld,
) -> None:
    world = shared_world
    queue = world.by_queue()
    world.clock.hold_from = 0.0
    queue.go_away()
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    world.crash()
    await world.open(sleepy)
    queue.come_back()
    await until(lambda: queue.owed)
    await world.let_pass(3)
    assert world.state().status is Status.WAITING
    serving = await world.open()
    await world.let_pass(2 * TELLS_AGAIN_SECONDS)

    assert (await world.stopped()).status is Status.COMPLETED
    assert [entry.owner for entry in world.entries() if isinstance(entry, e.SagaWoken)] == [serving.worker.owner]


async def test_a_saga_that_this_version_cannot_read_keeps_no_other_one_waiting(
    world: EngineWorld, caplog: pytest.LogCaptureFixture
) -> None:
    process, queue = await parked(world)
    await process.worker.start(world.order(saga_id="other"))
    await let_pass_until(world, lambda: world.state("other").status is Status.WAITING)
    queue.tells = False
    queue.come_back()
    await until(lambda: len(queue.answers) == 2)
    world.journal._sagas[SAGA].entries.append(e.SagaCompensated(1))  # no parked saga of this version ends so
    for saga_id in (SAGA, "other"):
        queue.tell(Told(f"{saga_id}/{PRICING}#1", saga_id))

    assert (await world.stopped("other")).status is Status.COMPLETED
    assert f"{SAGA}/{PRICING}#1" in queue.owed
    assert f"saga {SAGA} is answered, and cannot be read" in caplog.text
    del world.journal._sagas[SAGA].entries[-1]


async def test_a_replica_is_told_once_of_each_answer_that_its_saga_has(world: EngineWorld) -> None:
    queue = world.by_queue()
    process = await world.open()
    await process.run()
    await turns()
    world.clock.advance(2.0)
    await turns()

    assert len(queue.answers) == len(FORWARD)
    assert not queue.owed


async def test_an_answer_to_a_saga_that_another_replica_advances_is_done_with_once_that_one_has_it(
    shared_world: EngineWorld,
) -> None:
    world = shared_world
    queue = world.by_queue()
    world.clock.hold_from = 0.0
    reserving = Answer()
    world.participants.scripts["ReserveStock"] = [reserving]
    await world.open()
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: reserving.asked)
    assert queue.owed == {f"{SAGA}/{PRICING}#1"}
    await world.let_pass(2.0)

    assert not queue.owed
    reserving.give()
    await world.let_pass(4.0)
    assert (await world.stopped()).status is Status.COMPLETED
    assert not queue.owed
