"""A signal acts once and in order, wherever its saga is; between a signal and a timer there is one winner."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ActRefused, RequestIdUsed, SignalTypeDiffers, UnknownSignal
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.journal.waits import WaitEnd
from shop.order.v1.order_pb2 import Receipt
from tests.support.engine_world import SAGA, Answer, EngineWorld, turns, until
from tests.support.waiting_sagas import DAY, approved, decision, note, patient, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.state import SagaState
    from tests.support.engine_world import EngineProcess

    WorldOf = Callable[..., EngineWorld]


async def parked(world: EngineWorld) -> EngineProcess:
    """A replica that has parked the saga of the world."""
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: world.state().status is Status.WAITING and SAGA not in process.worker.live)
    return process


async def waiting(world: EngineWorld, key: str) -> EngineProcess:
    """A replica on which the saga of the world waits in memory."""
    process = await world.open()
    world.clock.hold_from = 1.0
    await process.worker.start(world.order())
    await until(lambda: key in world.state().waits)
    await turns()
    return process


def carrier(state: SagaState) -> str:
    return Receipt.FromString(state.result or b"").carrier


def of(world: EngineWorld, kind: type[e.Entry]) -> list[e.Entry]:
    return [entry for entry in world.entries() if isinstance(entry, kind)]


async def test_a_live_saga_goes_on_with_its_signal(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await waiting(world, "signal:approval#1")

    state = await process.sagas.signal(SAGA, decision())
    assert state.signals["request-1"].requested_by == Actor("ada")
    assert "request-1" in world.state().signals, "it is durable when it is acknowledged"

    assert carrier(await world.stopped()) == "yes"
    assert not of(world, e.SagaParked)


async def test_a_parked_saga_is_woken_by_its_signal_on_another_replica(world_of: WorldOf) -> None:
    world = world_of(approved)
    await parked(world)
    world.crash()

    other = await world.open()
    await other.sagas.signal(SAGA, decision(approved=False))
    state = await world.stopped()

    assert (state.status, carrier(state)) == (Status.COMPLETED, "no")
    assert [entry.why for entry in of(world, e.SagaWoken)] == ["signal"]  # type: ignore[union-attr]
    assert [call.method for call in world.participants.calls] == ["ReserveStock", "CapturePayment"]


async def test_signals_of_one_name_keep_their_order_also_those_before_the_saga_asks(world_of: WorldOf) -> None:
    world = world_of(patient)
    never = Answer()
    world.participants.scripts["ReserveStock"] = [never]
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: never.asked)

    for number in ("one", "two"):
        await process.sagas.signal(SAGA, note(number, number))
    never.give()
    await until(lambda: world.state().status is Status.WAITING)
    await process.sagas.signal(SAGA, note("three", "three"))

    assert carrier(await world.stopped()) == "one two three"


async def test_a_repeated_signal_changes_nothing_and_is_answered_in_the_same_way(world_of: WorldOf) -> None:
    world = world_of(patient)
    process = await parked(world)

    for _ in range(3):
        await process.sagas.signal(SAGA, note("once"))
    await turns()

    assert len(of(world, e.SignalReceived)) == 1
    assert len(of(world, e.WaitEnded)) == 1


async def test_another_signal_with_a_used_request_id_is_refused(world_of: WorldOf) -> None:
    world = world_of(patient)
    process = await parked(world)
    await process.sagas.signal(SAGA, note("once"))

    with pytest.raises(RequestIdUsed):
        await process.sagas.signal(SAGA, note("something else"))


async def test_an_unknown_signal_and_a_wrong_type_are_refused_and_not_journalled(world_of: WorldOf) -> None:
    world = world_of(patient)
    process = await parked(world)
    before = world.entries()

    with pytest.raises(UnknownSignal, match="asks for no signal 'vote'; it asks for: note"):
        await process.sagas.signal(SAGA, note("x", name="vote"))
    with pytest.raises(SignalTypeDiffers, match=r"is a google\.protobuf\.StringValue, not a saga"):
        await process.sagas.signal(SAGA, decision()._replace(name="note"))

    assert world.entries() == before


async def test_a_signal_that_nobody_can_take_any_more_is_too_late(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await parked(world)
    await process.sagas.signal(SAGA, decision())
    await world.stopped()

    with pytest.raises(ActRefused) as refused:
        await process.sagas.signal(SAGA, decision(request_id="request-2"))
    assert refused.value.reason == "SAGA_ENDED"


async def test_a_second_decision_is_too_late_while_the_saga_goes_on(world_of: WorldOf) -> None:
    world = world_of(approved)
    never = Answer()
    world.participants.scripts["CapturePayment"] = [never]
    process = await parked(world)
    await process.sagas.signal(SAGA, decision())
    await until(lambda: never.asked)

    with pytest.raises(ActRefused) as refused:
        await process.sagas.signal(SAGA, decision(approved=False, request_id="request-2"))
    assert refused.value.reason == "TOO_LATE"

    never.give()
    assert carrier(await world.stopped()) == "yes"


async def test_a_saga_without_its_signal_is_rolled_back_as_timed_out(world_of: WorldOf) -> None:
    world = world_of(approved)
    await parked(world)

    world.clock.advance(DAY + 10)
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert state.rollback is not None
    assert state.rollback.code == ReasonCode.TIMED_OUT
    assert [call.method for call in world.participants.calls] == ["ReserveStock", "ReleaseStock"]


async def test_a_signal_after_its_time_has_lost_although_no_replica_was_there_to_end_the_wait(
    world_of: WorldOf,
) -> None:
    world = world_of(approved)
    await parked(world)
    world.crash()
    world.clock.advance(DAY + 10)

    late = world.process()
    with pytest.raises(ActRefused) as refused:
        await late.sagas.signal(SAGA, decision())

    assert refused.value.reason == "TOO_LATE"
    assert not of(world, e.SignalReceived)


async def test_a_signal_in_time_wins_although_the_timer_is_due_before_the_code_goes_on(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await waiting(world, "signal:approval#1")
    process.journal.journal_is = "held"

    given = asyncio.ensure_future(process.sagas.signal(SAGA, decision()))
    world.clock.advance(DAY + 10)
    await turns()
    process.journal.switch("up")
    await given

    assert carrier(await world.stopped()) == "yes"
    assert [entry.how for entry in of(world, e.WaitEnded)] == [WaitEnd.SIGNAL]  # type: ignore[union-attr]


async def test_a_signal_of_a_saga_whose_start_crashed_after_it_is_found_again(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await waiting(world, "signal:approval#1")
    await process.sagas.signal(SAGA, decision())
    process.kill()
    await turns()

    await world.recover()

    assert carrier(await world.stopped()) == "yes"
    assert len(of(world, e.SignalReceived)) == 1


async def test_a_signal_at_the_moment_of_parking_is_not_lost(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await world.open()
    world.clock.hold_from = 1.0
    await process.worker.start(world.order())
    await until(lambda: "signal:approval#1" in world.state().waits)
    process.journal.journal_is = "held"
    world.clock.advance(2.1)  # it is being parked now
    await turns()
    world.clock.advance(2.1)
    await turns()
    assert process.worker.live[SAGA].state.status is Status.WAITING

    given = asyncio.ensure_future(process.sagas.signal(SAGA, decision()))
    await turns()
    process.journal.switch("up")
    await given

    assert carrier(await world.stopped()) == "yes"
    assert [type(entry) for entry in world.entries()].count(e.SagaParked) == 1


async def test_waits_side_by_side_take_their_signals_in_the_order_in_which_they_began(world_of: WorldOf) -> None:
    world = world_of(side_by_side)
    process = await parked(world)

    await process.sagas.signal(SAGA, note("first", "1"))
    await until(lambda: world.state().status is Status.WAITING)
    await world.recover()
    process = world.processes[-1]
    await process.sagas.signal(SAGA, note("second", "2"))
    await process.sagas.signal(SAGA, note("third", "3", name="other"))
    await until(lambda: world.state().status is Status.WAITING and SAGA not in process.worker.live)
    assert [entry.due_at > 0 for entry in of(world, e.WaitBegan)].count(True) == 1  # type: ignore[union-attr]

    world.clock.advance(2 * DAY + 10)
    assert carrier(await world.stopped()) == "first second third"


@pytest.mark.parametrize("act", [Act.CANCEL, Act.PAUSE])
async def test_a_parked_saga_is_cancelled_and_paused_like_any_other(world_of: WorldOf, act: Act) -> None:
    world = world_of(approved)
    process = await parked(world)

    await process.sagas.act(act, SAGA, "enough", Actor("ada"))
    state = await world.stopped()

    if act is Act.CANCEL:
        assert (state.status, world.participants.methods()) == (Status.COMPENSATED, ["ReserveStock", "ReleaseStock"])
        with pytest.raises(ActRefused):
            await process.sagas.signal(SAGA, decision())
        return
    assert state.status is Status.SUSPENDED
    await process.sagas.signal(SAGA, decision())
    assert world.state().status is Status.SUSPENDED, "it stays so until it is resumed"
    await process.sagas.act(Act.RESUME, SAGA, "go on", Actor("ada"))
    await until(lambda: world.state().status is Status.COMPLETED)
    assert carrier(world.state()) == "yes"


async def test_the_preview_of_a_parked_saga_is_that_of_a_rollback(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await parked(world)

    planned = process.sagas.preview(await process.sagas.get(SAGA))

    assert [each.command.key for each in planned] == ["InventoryService.ReserveStock#1"]


async def test_a_caller_who_waits_for_the_end_of_a_saga_waits_over_its_parking(world_of: WorldOf) -> None:
    world = world_of(approved)
    process = await world.open()
    ended = asyncio.ensure_future(process.worker.start(world.order(), wait=1e6))
    await until(lambda: world.state().status is Status.WAITING and SAGA not in process.worker.live)
    assert not ended.done()

    await process.sagas.signal(SAGA, decision())

    assert carrier(await ended) == "yes"


async def test_a_signal_at_another_replica_reaches_the_one_that_advances_the_saga() -> None:
    world = EngineWorld(patient, shared=True)
    owner, other = await world.open(), await world.open()
    never = Answer()
    world.participants.scripts["ReserveStock"] = [never]
    await owner.worker.start(world.order())
    await until(lambda: never.asked)

    given = [asyncio.ensure_future(other.sagas.signal(SAGA, note(each, each))) for each in ("one", "two")]
    refused = asyncio.ensure_future(other.sagas.signal(SAGA, note("x", "x", name="vote")))
    await world.let_pass(3)

    assert [await each for each in given]
    assert list(world.state().signals) == ["one", "two"]
    with pytest.raises(UnknownSignal):
        await refused
    never.give()
    await world.let_pass(5)
    assert world.state().status is Status.WAITING
    await world.let_pass(3700, step=5)
    assert carrier(world.state()) == "one two none"
    await world.end()
