"""Commands over a queue: the participant may be away, the orchestrator may die, and each command takes effect once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.contract.command import OnUnknown
from orchestrator.engine.sagas import WaitReason
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status, StepOutcome
from tests.support.engine_world import BACKWARD, FORWARD, SAGA, EngineWorld, altered, rejected, trip, turns, until
from tests.support.queued_sagas import PRICING, RESERVING, kinds, let_park, parked

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

    from orchestrator.ports.journal import Append

    WorldOf = Callable[..., EngineWorld]


async def test_a_saga_goes_through_a_queue_as_through_calls_and_journals_nothing_more(world: EngineWorld) -> None:
    process = await world.open()
    called = await process.run(saga_id="called")
    by_calls = [type(entry) for entry in world.entries("called")]
    world.by_queue()
    other = await world.open()
    queued = await other.run(saga_id="queued")

    assert called.status is queued.status is Status.COMPLETED
    assert [type(entry) for entry in world.entries("queued")] == by_calls


async def test_a_saga_whose_participant_is_away_is_parked_with_its_command_in_the_queue(world: EngineWorld) -> None:
    process, queue = await parked(world)

    assert not process.worker.live
    (waiting,) = process.sagas.waiting(world.state())
    assert (waiting.reason, waiting.key, waiting.service) == (
        WaitReason.ANSWER,
        PRICING,
        "shop.pricing.v1.PricingService",
    )
    assert waiting.until - waiting.since == queue.queue_seconds * 1e9
    assert world.state().wake_at > waiting.until
    assert len(queue.published) == 1


async def test_a_participant_that_comes_back_finds_its_command_and_the_saga_goes_on(world: EngineWorld) -> None:
    _, queue = await parked(world)
    world.clock.advance(600)
    queue.come_back()

    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert world.participants.methods() == FORWARD
    assert [entry.why for entry in world.entries() if isinstance(entry, e.SagaWoken)] == ["answer"]
    assert e.AttemptFailed not in kinds(world)


async def test_an_answer_wakes_the_saga_on_whatever_replica_hears_of_it(world: EngineWorld) -> None:
    _, queue = await parked(world)
    world.crash()
    queue.come_back()
    await until(lambda: queue.answers)
    await world.open()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD
    assert e.SagaRecovered not in kinds(world)


async def test_an_answer_that_comes_while_the_saga_is_being_parked_wakes_it(world: EngineWorld) -> None:
    queue = world.by_queue()
    queue.go_away()
    process = await world.open()
    await process.worker.start(world.order())
    append = world.journal.append

    def answered_before(each: Append) -> Future[None]:
        if any(isinstance(entry, e.SagaParked) for entry in each.entries):
            queue.come_back()
            world.journal.append = append  # type: ignore[method-assign]
        return append(each)

    world.journal.append = answered_before  # type: ignore[method-assign, assignment]
    queue.tells = False
    await let_park(world)

    assert (await world.stopped()).status is Status.COMPLETED
    assert [entry.why for entry in world.entries() if isinstance(entry, e.SagaWoken)] == ["answer"]


async def test_a_command_that_has_expired_is_not_executed_and_its_attempt_had_no_effect(world: EngineWorld) -> None:
    _, queue = await parked(world)
    world.clock.advance(queue.queue_seconds + 1)
    queue.come_back()

    state = await world.stopped()

    assert state.status is Status.COMPLETED
    (failed,) = [entry for entry in world.entries() if isinstance(entry, e.AttemptFailed)]
    assert (failed.failure.reason, failed.harmless) == ("EXPIRED_IN_QUEUE", True)
    assert world.participants.methods() == FORWARD
    assert queue.published[:2] == [f"{SAGA}/{PRICING}#1", f"{SAGA}/{PRICING}#2"]


async def test_a_command_that_is_in_the_queue_longer_than_an_answer_may_take_is_sent_again(world: EngineWorld) -> None:
    _, queue = await parked(world)
    world.clock.advance(queue.queue_seconds + 60)
    await until(lambda: len(queue.published) > 1)

    assert queue.published == [f"{SAGA}/{PRICING}#1", f"{SAGA}/{PRICING}#2"]
    queue.come_back()
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_compensable_command_that_expired_every_time_is_refused_and_nothing_is_compensated_for_it(
    world_of: WorldOf,
) -> None:
    world = world_of(altered(trip, "ReserveStock", on_unknown=OnUnknown.COMPENSATE, idempotent=False))
    queue = world.by_queue()
    process = await world.open()
    world.participants.on_call = lambda command, _call: queue.go_away() if command.method == "PriceOrder" else None
    await process.worker.start(world.order())
    await let_park(world)
    world.clock.advance(queue.queue_seconds + 1)
    queue.come_back()

    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert state.commands[RESERVING].outcome is StepOutcome.REJECTED
    assert "ReserveStock" not in world.participants.methods()


async def test_a_crash_before_the_answer_sends_nothing_twice(world: EngineWorld) -> None:
    queue = world.by_queue()
    queue.go_away()
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: queue.published)
    world.crash()
    await world.open()
    await let_park(world)
    queue.come_back()

    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert set(queue.published) == {f"{SAGA}/{key}#1" for key in state.commands}
    assert world.participants.methods() == FORWARD


async def test_nor_do_two_crashes_before_anything_was_noted(world: EngineWorld) -> None:
    queue = world.by_queue()
    queue.go_away()
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: queue.published)
    for crash in range(2):
        world.crash()
        await world.open()
        await until(lambda crash=crash: len(queue.published) > crash + 1)  # type: ignore[misc]

    assert set(queue.published) == {f"{SAGA}/{PRICING}#1"}
    queue.come_back()
    assert (await world.stopped()).status is Status.COMPLETED


async def test_an_answer_that_came_while_every_replica_was_dead_is_found_and_nothing_is_sent_again(
    world: EngineWorld,
) -> None:
    _, queue = await parked(world)
    world.crash()
    queue.come_back()
    queue.tells = False
    await until(lambda: queue.answers)
    await world.open()
    await turns()
    assert world.state().status is Status.WAITING
    world.clock.advance(queue.queue_seconds + 60)

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD


async def test_a_command_that_is_not_idempotent_is_awaited_after_a_crash_and_not_sent_again(world_of: WorldOf) -> None:
    world = world_of(altered(trip, "ReserveStock", on_unknown=OnUnknown.SUSPEND, idempotent=False))
    queue = world.by_queue()
    world.participants.on_call = lambda command, _call: queue.go_away() if command.method == "PriceOrder" else None
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: f"{SAGA}/{RESERVING}#1" in queue.published)
    world.crash()
    await world.open()
    await let_park(world)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert queue.published.count(f"{SAGA}/{RESERVING}#1") == 1
    assert world.participants.methods() == FORWARD


async def test_a_saga_that_waits_in_a_queue_is_cancelled_and_its_command_compensated(world: EngineWorld) -> None:
    queue = world.by_queue()
    world.participants.on_call = lambda command, _call: queue.go_away() if command.method == "ReserveStock" else None
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    queue.come_back()

    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert world.participants.methods()[-2:] == ["VoidAuthorization", "ReleaseStock"]


async def test_the_deadline_of_a_saga_bounds_the_time_in_the_queue(world_of: WorldOf) -> None:
    world = world_of(replace(trip, deadline=timedelta(minutes=10)))
    process, queue = await parked(world)
    (waiting,) = process.sagas.waiting(world.state())

    assert waiting.until == world.state().forward_until
    world.clock.advance(601)
    queue.come_back()
    state = await world.stopped()
    assert state.status is Status.COMPENSATED
    assert not set(world.participants.methods()) & set(BACKWARD)


async def test_a_refusal_by_a_queue_rolls_back_over_the_queue(world: EngineWorld) -> None:
    world.by_queue()
    world.participants.scripts["ArrangeShipment"] = [rejected()]
    process = await world.open()

    assert (await process.run()).status is Status.COMPENSATED
    assert world.participants.methods()[-2:] == ["VoidAuthorization", "ReleaseStock"]


async def test_a_queue_that_is_away_is_waited_for_and_nothing_is_lost(world: EngineWorld) -> None:
    queue = world.by_queue()
    queue.is_there = False
    process = await world.open()
    await process.worker.start(world.order())
    await turns()
    assert not queue.published
    queue.is_there = True
    world.clock.advance(2.0)

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_paused_saga_goes_on_with_the_command_that_its_queue_held(world: EngineWorld) -> None:
    process, queue = await parked(world)
    await process.acts.pause(SAGA, "look", Actor("ada"))
    queue.come_back()
    await until(lambda: queue.answers)
    await turns()
    assert world.state().status is Status.SUSPENDED
    await process.acts.resume(SAGA, "on", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD
