"""Compensations over a queue: the participant may be away for hours, and the saga is parked while it rolls back."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.run.stop_control import StopControl
from orchestrator.engine.sagas import WaitReason
from orchestrator.errors import ActRefused, CommandUnknown
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status, StepOutcome
from orchestrator.testing.world.queue import TELLS_AGAIN_SECONDS
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from tests.support.engine_world import AUTHORIZE, BACKWARD, RESERVE, SAGA, Shop, rejected, trip, turns, unknown, until
from tests.support.queued_sagas import (
    RESERVING,
    being_parked,
    going_back,
    kinds,
    let_park,
    let_pass_until,
    park_and_crash,
    parked_going_back,
)
from tests.support.waiting_sagas import sleepy
from tests.unit.engine.doubtful_sagas import saga_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld

    WorldOf = Callable[..., EngineWorld]

AUTHORIZING = "PaymentService.AuthorizePayment#1"
VOIDING = f"compensation:{AUTHORIZING}"
RELEASING = f"compensation:{RESERVING}"
FIRST = [f"{SAGA}/{VOIDING}#1", f"{SAGA}/{RELEASING}#1"]
"""The first attempts at the two compensations, in their order."""


def undone(world: EngineWorld) -> list[str]:
    """The compensations that the participants got, in order."""
    return [method for method in world.participants.methods() if method in BACKWARD]


def woken(world: EngineWorld) -> list[str]:
    """Why the saga went on, each time."""
    return [entry.why for entry in world.entries() if isinstance(entry, e.SagaWoken)]


async def test_a_rollback_whose_participant_is_away_is_parked_and_shows_what_it_waits_for(world: EngineWorld) -> None:
    process, queue = await parked_going_back(world)

    assert not process.worker.live
    state = world.state()
    assert (state.status, state.rollback is not None) == (Status.WAITING, True)
    (waiting,) = process.sagas.waiting(state)
    assert (waiting.reason, waiting.key) == (WaitReason.ANSWER, AUTHORIZING)
    assert waiting.service == "shop.payment.v1.PaymentService"
    assert waiting.until - waiting.since == queue.queue_seconds * 1e9
    assert state.wake_at > waiting.until
    assert queue.published[-1:] == FIRST[:1]


async def test_it_goes_on_when_the_participant_has_answered_and_keeps_its_order(world: EngineWorld) -> None:
    process, queue = await parked_going_back(world)
    world.clock.advance(3500)
    await turns()
    assert not process.worker.live
    queue.come_back()

    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert undone(world) == ["VoidAuthorization", "ReleaseStock"]
    assert queue.published[-2:] == FIRST
    assert woken(world) == ["answer"]
    assert e.AttemptFailed not in kinds(world)


async def test_it_goes_on_on_another_replica_and_nothing_is_sent_twice(world: EngineWorld) -> None:
    _, queue = await parked_going_back(world)
    world.crash()
    queue.come_back()
    await until(lambda: FIRST[0] in queue.answers)
    await world.open()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert undone(world) == ["VoidAuthorization", "ReleaseStock"]
    assert [queue.published.count(each) for each in FIRST] == [1, 1]
    assert e.SagaRecovered not in kinds(world)


async def test_a_crash_before_it_is_parked_sends_nothing_twice(world: EngineWorld) -> None:
    queue = world.by_queue()
    world.participants.on_call = lambda command, _: queue.go_away() if command.method == "ReserveStock" else None
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    await until(lambda: FIRST[0] in queue.published)
    world.crash()
    await world.open()
    await let_pass_until(world, lambda: kinds(world)[-1] is e.SagaParked)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert undone(world) == ["VoidAuthorization", "ReleaseStock"]
    assert set(queue.published[-3:]) == set(FIRST)


async def test_a_compensation_whose_turn_comes_long_after_a_crash_has_its_whole_time(world: EngineWorld) -> None:
    _, queue = await going_back(world)
    await until(lambda: FIRST[0] in queue.published)
    world.crash()
    await world.open()
    await let_park(world)
    world.clock.advance(queue.queue_seconds - 60)
    queue.come_back()
    await until(lambda: FIRST[0] in queue.answers)
    queue.go_away()
    await let_pass_until(world, lambda: FIRST[1] in queue.published)
    world.clock.advance(120)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert e.AttemptFailed not in kinds(world)


async def test_an_answer_to_a_rollback_that_is_being_parked_outlives_the_crash_of_its_replica(
    world: EngineWorld,
) -> None:
    process, queue = await going_back(world)
    await being_parked(world, process)
    queue.come_back()
    await until(lambda: FIRST[0] in queue.owed)
    await turns()
    park_and_crash(world, process)
    world.crash()
    await world.open()
    world.clock.advance(TELLS_AGAIN_SECONDS)

    assert (await world.stopped()).status is Status.COMPENSATED
    assert undone(world) == ["VoidAuthorization", "ReleaseStock"]
    assert [queue.published.count(each) for each in FIRST] == [1, 1]


async def test_a_compensation_that_expired_in_the_queue_is_sent_again_and_the_saga_parked_again(
    world: EngineWorld,
) -> None:
    process, queue = await parked_going_back(world)
    world.clock.advance(queue.queue_seconds + 60)
    await let_pass_until(world, lambda: kinds(world).count(e.SagaParked) > 1)
    await turns()
    assert not process.worker.live
    assert queue.published[-2:] == [FIRST[0], f"{SAGA}/{VOIDING}#2"]
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert undone(world) == ["VoidAuthorization", "ReleaseStock"]
    assert woken(world) == ["timer", "answer"]


async def test_one_that_goes_on_while_it_is_being_parked_is_due_at_once(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, queue = await going_back(world)
    stop_code = StopControl._stop_code

    async def answered_before(stop_control: StopControl) -> None:
        queue.come_back()
        queue.go_away()
        await until(lambda: process.worker.live[SAGA].state.compensation(AUTHORIZING).ended_at)
        await stop_code(stop_control)

    monkeypatch.setattr(StopControl, "_stop_code", answered_before)
    await let_park(world)
    parked = next(entry for entry in world.entries() if isinstance(entry, e.SagaParked))

    assert 0 < parked.wake_at <= parked.at


async def test_a_parked_rollback_is_paused_and_resumed_and_waits_for_the_same_attempt(world: EngineWorld) -> None:
    process, queue = await parked_going_back(world)
    await process.acts.pause(SAGA, "look", Actor("ada"))
    assert world.state().status is Status.SUSPENDED
    await process.acts.resume(SAGA, "on", Actor("ada"))
    await let_pass_until(world, lambda: kinds(world)[-1] is e.SagaParked)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert undone(world) == ["VoidAuthorization", "ReleaseStock"]
    assert [queue.published.count(each) for each in FIRST] == [1, 1]


async def test_an_operator_lets_the_effect_stand_whose_compensation_nobody_takes(world: EngineWorld) -> None:
    process, queue = await parked_going_back(world)
    await process.acts.pause(SAGA, "look", Actor("ada"))
    await process.acts.skip_compensation(SAGA, AUTHORIZING, "they are gone for good", Actor("ada"))
    await process.acts.resume(SAGA, "on", Actor("ada"))
    await until(lambda: FIRST[1] in queue.published)
    await let_pass_until(world, lambda: kinds(world)[-1] is e.SagaParked)
    assert [each.key for each in process.sagas.waiting(world.state())] == [RESERVING]
    queue.come_back()

    assert (await world.stopped()).status is Status.PARTIALLY_COMPENSATED


async def test_a_parked_rollback_allows_what_a_rollback_does(world: EngineWorld) -> None:
    process, _ = await parked_going_back(world)
    before = world.entries()

    state = await process.acts.cancel(SAGA, "enough", Actor("ada"))
    assert state.rollback is not None
    with pytest.raises(ActRefused) as refused:
        await process.acts.resume(SAGA, "on", Actor("ada"))
    assert refused.value.reason == "NOT_SUSPENDED"
    assert world.entries() == before


async def test_a_rollback_by_its_deadline_is_parked_and_not_woken_by_the_deadline(world_of: WorldOf) -> None:
    world = world_of(replace(trip, deadline=timedelta(minutes=10)))
    queue = world.by_queue()
    world.participants.on_call = lambda command, _: queue.go_away() if command.method == "ReserveStock" else None
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    world.clock.advance(601)
    await let_pass_until(world, lambda: kinds(world)[-1] is e.SagaParked and world.state().rollback)
    world.clock.advance(600)
    await turns()
    assert not process.worker.live
    assert kinds(world).count(e.SagaParked) == 2
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPENSATED


async def test_the_time_for_which_cancelled_code_waited_does_not_wake_its_rollback(world_of: WorldOf) -> None:
    world = world_of(sleepy)
    queue = world.by_queue()
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    queue.queue_seconds *= 100  # longer than the saga would have slept
    await world.open()
    queue.go_away()
    await world.processes[-1].acts.cancel(SAGA, "enough", Actor("ada"))
    await let_pass_until(world, lambda: kinds(world)[-1] is e.SagaParked and world.state().rollback)

    undo = world.state().commands[RESERVING].compensation
    assert undo is not None
    assert undo.in_queue is not None
    assert world.state().wake_at == undo.in_queue.until > world.state().waits["sleep#1"].due_at


async def test_a_saga_that_compensates_what_its_code_went_on_without_is_parked_too(world_of: WorldOf) -> None:
    async def careless(order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        with contextlib.suppress(CommandUnknown):
            await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt(order_id=order.customer_id)

    world = world_of(saga_of(careless))
    queue = world.by_queue()
    answers = [unknown(), rejected("NOT_FOUND")]
    world.participants.scripts["AuthorizePayment"] = answers
    world.participants.on_call = lambda *_: None if len(answers) > 1 else queue.go_away()
    process = await world.open()
    await process.worker.start(world.order())
    await let_park(world)
    await turns()
    assert not process.worker.live
    assert world.state().rollback is None
    assert world.state().commands[AUTHORIZING].outcome is StepOutcome.UNKNOWN
    assert world.state().wake_at > world.clock.time + queue.queue_seconds * 0.9e9
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert undone(world) == ["VoidAuthorization"]
