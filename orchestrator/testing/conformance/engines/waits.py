"""Timers, signals, decisions and deadlines are facts: each acts once, wherever the saga is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.sagas import WaitReason
from orchestrator.errors import ActRefused, RequestIdUsed, SignalTypeDiffers, UnknownSignal
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import SignalReceived
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA, decision, note
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.raising import raises
from orchestrator.testing.conformance.engines.sagas import approved, hurried, noted, patient, sleepy
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest

if TYPE_CHECKING:
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


@scenario()
async def a_timer_lets_its_time_pass(stage: Stage) -> None:
    """The pivot comes after it, by the journal's instants."""
    state = await stage.run(sleepy, "sleepy-1")

    assert state.status is Status.COMPLETED
    reserve, capture = (
        state.commands["InventoryService.ReserveStock#1"],
        state.commands["PaymentService.CapturePayment#1"],
    )
    assert reserve.ended_at is not None
    assert capture.intended_at - reserve.ended_at >= 250_000_000  # noqa: PLR2004 - 300 ms, by one clock or another


@scenario()
async def a_saga_that_waits_for_long_is_waiting_until_its_time(stage: Stage) -> None:
    """It says so, and when it is due; then it goes on by itself."""
    await stage.start(patient, "patient-1")

    parked = await stage.comes_to("patient-1", Status.WAITING)
    (waiting,) = stage.sagas.waiting(parked)

    assert waiting.reason is WaitReason.TIMER
    assert waiting.until == parked.waits["sleep#1"].due_at
    assert (await stage.rests("patient-1")).status is Status.COMPLETED
    assert stage.participants.methods() == ["ReserveStock", "CapturePayment"]


@scenario()
async def a_decision_lets_a_parked_saga_go_on(stage: Stage) -> None:
    """The yes is journalled, with who said it."""
    await stage.start(approved, "approved-1")
    parked = await stage.comes_to("approved-1", Status.WAITING)
    (waiting,) = stage.sagas.waiting(parked)
    assert (waiting.reason, waiting.signal) == (WaitReason.SIGNAL, "approval")

    await stage.sagas.signal("approved-1", decision("yes-1"))

    assert (await stage.rests("approved-1")).status is Status.COMPLETED
    (received,) = [each for each in await stage.sagas.entries("approved-1") if isinstance(each, SignalReceived)]
    assert received.requested_by == ADA


@scenario()
async def a_no_rolls_back(stage: Stage) -> None:
    """As the code says."""
    await stage.start(approved, "approved-1")
    await stage.sagas.signal("approved-1", decision("no-1", approved=False))

    assert (await stage.rests("approved-1")).status is Status.COMPENSATED


@scenario()
async def signals_are_taken_in_the_order_of_their_arrival(stage: Stage) -> None:
    """Those that come early are kept, and a repeated one changes nothing."""
    answer = stage.hold("ReserveStock")
    await stage.start(noted, "noted-1")
    await answer.asked.wait()
    await stage.sagas.signal("noted-1", note("first", "a"))
    await stage.sagas.signal("noted-1", note("first", "a"))
    await stage.sagas.signal("noted-1", note("second", "b"))
    answer.give()

    state = await stage.rests("noted-1")

    assert Receipt.FromString(state.result or b"").carrier == "first+second"
    received = [each.request_id for each in await stage.sagas.entries("noted-1") if isinstance(each, SignalReceived)]
    assert received == ["a", "b"]


@scenario()
async def a_signal_that_fits_nothing_is_refused(stage: Stage) -> None:
    """Of another name, of another type, one too many, or with a request id that was used otherwise."""
    answer = stage.hold("ReserveStock")
    await stage.start(noted, "noted-1")
    await answer.asked.wait()
    async with raises(UnknownSignal):
        await stage.sagas.signal("noted-1", note("what", "a", name="nothing"))
    async with raises(SignalTypeDiffers):
        await stage.sagas.signal("noted-1", decision("a")._replace(name="note"))
    await stage.sagas.signal("noted-1", note("first", "a"))
    async with raises(RequestIdUsed):
        await stage.sagas.signal("noted-1", note("other", "a"))
    await stage.sagas.signal("noted-1", note("second", "b"))
    async with raises(ActRefused, "TOO_LATE"):
        await stage.sagas.signal("noted-1", note("third", "c"))
    answer.give()
    await stage.rests("noted-1")
    async with raises(ActRefused):
        await stage.sagas.signal("noted-1", note("fourth", "d"))


@scenario()
async def a_signal_that_does_not_come_in_time_rolls_back(stage: Stage) -> None:
    """The code does not catch it, so the saga gives up."""
    await stage.start(noted, "noted-1", StartOrderRequest(customer_id="ada", member=True))
    await stage.sagas.signal("noted-1", note("first", "a"))

    state = await stage.rests("noted-1")

    assert state.status is Status.COMPENSATED
    assert state.rollback is not None
    assert state.rollback.code is ReasonCode.TIMED_OUT


@scenario()
async def a_deadline_rolls_back_in_time(stage: Stage) -> None:
    """Whatever the saga waits for."""
    await stage.start(hurried, "hurried-1")

    state = await stage.rests("hurried-1")

    assert state.status is Status.COMPENSATED
    assert state.rollback is not None
    assert state.rollback.code is ReasonCode.DEADLINE
    assert stage.participants.methods() == ["ReserveStock", "ReleaseStock"]


@scenario()
async def a_parked_saga_can_be_cancelled_and_paused(stage: Stage) -> None:
    """It need not be woken for that by anything else."""
    for saga_id in ("approved-1", "approved-2"):
        await stage.start(approved, saga_id)
    for saga_id in ("approved-1", "approved-2"):
        await stage.comes_to(saga_id, Status.WAITING)

    await stage.sagas.act(Act.CANCEL, "approved-1", "rather not", ADA)
    paused = await stage.sagas.act(Act.PAUSE, "approved-2", "one moment", ADA)

    assert (await stage.rests("approved-1")).status is Status.COMPENSATED
    assert paused.status is Status.SUSPENDED
    await stage.sagas.signal("approved-2", decision("yes-1"))
    await stage.sagas.act(Act.RESUME, "approved-2", "go on", ADA)
    assert (await stage.rests("approved-2")).status is Status.COMPLETED
