"""Commands over a queue that are not idempotent: no other attempt is made while one may be executed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import OnUnknown
from orchestrator.errors import JournalError
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status
from tests.support.engine_world import FORWARD, NOT_SEEN, SAGA, altered, trip, turns, unknown, until
from tests.support.queued_sagas import let_park

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.testing.world.queue import VirtualQueue
    from tests.support.engine_world import EngineProcess, EngineWorld

    WorldOf = Callable[..., EngineWorld]

AUTHORIZING = "PaymentService.AuthorizePayment#1"
ONCE = f"{SAGA}/{AUTHORIZING}#1"


def fragile(world_of: WorldOf, policy: OnUnknown) -> EngineWorld:
    """A world in which the payment is authorized as often as it is asked for."""
    return world_of(altered(trip, "AuthorizePayment", on_unknown=policy, idempotent=False))


async def let_pass(world: EngineWorld, seconds: int) -> None:
    """Let seconds pass, one after another."""
    for _ in range(seconds):
        await turns()
        world.clock.advance(1.0)


async def authorizing(world: EngineWorld, *, acknowledges: bool = True) -> tuple[EngineProcess, VirtualQueue]:
    """A replica whose saga has just published that command, and whose participants are away."""
    queue = world.by_queue()

    def leave(method: str) -> None:
        if method == "ReserveStock":
            queue.go_away()
            queue.acknowledges = acknowledges

    world.participants.on_call = lambda command, _: leave(command.method)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: ONCE in queue.published)
    return process, queue


@pytest.mark.parametrize("policy", [OnUnknown.VERIFY, OnUnknown.COMPENSATE, OnUnknown.SUSPEND])
async def test_a_command_that_was_not_acknowledged_is_awaited_and_neither_sent_again_nor_compensated(
    world_of: WorldOf, policy: OnUnknown
) -> None:
    world = fragile(world_of, policy)
    world.participants.scripts["GetPayment"] = [NOT_SEEN]
    _, queue = await authorizing(world, acknowledges=False)
    await let_park(world)
    queue.acknowledges = True
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD


async def test_an_idempotent_command_that_was_not_acknowledged_is_sent_again(world: EngineWorld) -> None:
    _, queue = await authorizing(world, acknowledges=False)
    queue.acknowledges = True
    world.clock.advance(10)
    await until(lambda: len(queue.published) > 3)

    assert queue.published[-2:] == [ONCE, f"{SAGA}/{AUTHORIZING}#2"]
    queue.come_back()
    assert (await world.stopped()).status is Status.COMPLETED


async def test_its_answer_is_found_after_two_crashes_before_anything_was_noted(world_of: WorldOf) -> None:
    world = fragile(world_of, OnUnknown.SUSPEND)
    _, queue = await authorizing(world)
    for _ in range(2):
        world.crash()
        await world.open()
        await turns()
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD
    assert queue.published.count(ONCE) == 1


async def test_one_that_waited_for_its_turn_is_awaited_as_long_as_it_may_be_executed(world_of: WorldOf) -> None:
    world = fragile(world_of, OnUnknown.VERIFY)
    world.participants.scripts["GetPayment"] = [NOT_SEEN]
    queue = world.by_queue()
    turn = asyncio.get_running_loop().create_future()
    process = await world.open()
    breaker = process.worker.bindings.breakers["shop.payment.v1.PaymentService"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breaker, "try_enter", lambda: False)
        patch.setattr(breaker, "enter", lambda: turn)
        await process.worker.start(world.order())
        await until(lambda: AUTHORIZING in world.state().commands)
        world.clock.advance(queue.queue_seconds + 60)
        queue.go_away()
        turn.set_result(None)
        await until(lambda: ONCE in queue.published)
    world.crash()
    await world.open()
    await let_park(world)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == FORWARD


async def test_one_that_was_not_answered_in_time_is_verified_and_sent_again_under_another_id(world_of: WorldOf) -> None:
    world = fragile(world_of, OnUnknown.VERIFY)
    world.participants.scripts["GetPayment"] = [NOT_SEEN]
    _, queue = await authorizing(world)
    world.crash()
    queue.lose_all()
    await world.open()
    world.clock.advance(queue.queue_seconds + 60)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert [method for method in world.participants.methods() if method not in FORWARD] == ["GetPayment"]
    assert [each for each in queue.published if AUTHORIZING in each] == [ONCE, f"{SAGA}/{AUTHORIZING}#2"]


async def test_so_is_the_attempt_that_followed_a_verify_and_ended_with_its_process(world_of: WorldOf) -> None:
    world = fragile(world_of, OnUnknown.VERIFY)
    world.participants.scripts["AuthorizePayment"] = [unknown()]
    world.participants.scripts["GetPayment"] = [NOT_SEEN, NOT_SEEN]
    queue = world.by_queue()
    world.participants.on_call = lambda command, _: queue.go_away() if command.method == "GetPayment" else None
    process = await world.open()
    await process.worker.start(world.order())
    second = f"{SAGA}/{AUTHORIZING}#2"
    await until(lambda: second in queue.published)
    world.crash()
    await world.open()
    await let_park(world)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods().count("AuthorizePayment") == 2
    assert world.participants.methods().count("GetPayment") == 1


async def test_a_cancel_compensates_it_once_it_was_executed(world_of: WorldOf) -> None:
    world = fragile(world_of, OnUnknown.COMPENSATE)
    process, queue = await authorizing(world)
    await let_park(world)
    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    await turns()
    assert len(queue.published) == 3
    (waiting,) = process.sagas.waiting(process.worker.live[SAGA].state)
    assert (waiting.key, waiting.until > world.clock.time) == (AUTHORIZING, True)
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods()[-3:] == ["AuthorizePayment", "VoidAuthorization", "ReleaseStock"]


@pytest.mark.parametrize("crashes", [False, True])
async def test_or_once_it_can_be_executed_no_more(world_of: WorldOf, *, crashes: bool) -> None:
    world = fragile(world_of, OnUnknown.COMPENSATE)
    process, queue = await authorizing(world)
    await let_park(world)
    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    if crashes:
        await turns()
        world.crash()
        await world.open()
    await turns()
    assert not [each for each in queue.published if "compensation" in each]
    queue.lose_all()
    queue.come_back()
    world.clock.advance(queue.queue_seconds + 60)

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods()[-2:] == ["VoidAuthorization", "ReleaseStock"]


async def test_a_pause_does_not_wait_for_that(world_of: WorldOf) -> None:
    world = fragile(world_of, OnUnknown.COMPENSATE)
    process, queue = await authorizing(world)
    await let_park(world)
    await process.acts.cancel(SAGA, "enough", Actor("ada"))
    await process.acts.pause(SAGA, "look", Actor("ada"))
    assert world.state().status is Status.SUSPENDED
    await process.acts.resume(SAGA, "on", Actor("ada"))
    queue.come_back()

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods()[-3:] == ["AuthorizePayment", "VoidAuthorization", "ReleaseStock"]


@pytest.mark.parametrize("acknowledges", [True, False])
@pytest.mark.parametrize("cut_after", range(2, 12))
async def test_it_is_executed_once_wherever_its_replicas_die_and_whatever_the_queue_acknowledges(
    world_of: WorldOf, cut_after: int, *, acknowledges: bool
) -> None:
    world = fragile(world_of, OnUnknown.VERIFY)
    world.participants.scripts["GetPayment"] = [NOT_SEEN] * 10
    queue = world.by_queue()

    def leave(method: str) -> None:
        if method == "ReserveStock":
            queue.go_away()
            queue.acknowledges = acknowledges

    world.participants.on_call = lambda command, _: leave(command.method)
    for cut in (cut_after, cut_after + 1, None):
        process = world.process()
        process.journal.cut_after = cut
        with contextlib.suppress(JournalError):
            await process.worker.open()
            await process.worker.start(world.order())
        await let_pass(world, 10)
        if cut is not None:
            world.crash()
    queue.acknowledges = True
    world.participants.on_call = lambda *_: None
    queue.come_back()
    await let_pass(world, 60)

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods().count("AuthorizePayment") == 1
