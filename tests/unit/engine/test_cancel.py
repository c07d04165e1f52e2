"""Cancel: a saga rolls back from wherever it is, up to its pivot and never after it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator import saga
from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.errors import ActRefused, CancelRefused, ClaimLost, JournalUnavailable, SagaNotFound
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import RollbackBegan
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from tests.support.engine_world import (
    BACKWARD,
    FORWARD,
    PRICE,
    SAGA,
    Answer,
    Shop,
    altered,
    rejected,
    trip,
    turns,
    unknown,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.journal.state import SagaState
    from tests.support.engine_world import EngineProcess, EngineWorld

BEFORE_PIVOT = FORWARD[:4]
WHY = Reason(ReasonCode.CANCELLED, "changed my mind", "", "ada")


async def at(world: EngineWorld, method: str, outcome: object = None) -> tuple[EngineProcess, Answer]:
    """A saga that waits for the answer to this method."""
    answer = Answer()
    world.participants.scripts[method].append(answer)
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)
    if outcome is not None:
        answer.give(outcome)  # type: ignore[arg-type]  # an outcome
    return process, answer


def cancel(process: EngineProcess) -> asyncio.Future[SagaState]:
    return asyncio.ensure_future(process.acts.cancel(SAGA, "changed my mind", Actor("ada")))


@pytest.mark.parametrize("method", BEFORE_PIVOT)
@pytest.mark.parametrize("late", [None, rejected(), unknown()], ids=["completed", "rejected", "unknown"])
async def test_a_cancel_waits_for_the_answer_in_flight_then_compensates(
    world: EngineWorld, method: str, late: object
) -> None:
    process, answer = await at(world, method)
    cancelled = cancel(process)
    await turns()
    assert not cancelled.done()
    assert not world.state().rollback

    answer.give(late)  # type: ignore[arg-type]  # an outcome
    assert (await cancelled).rollback
    state = await world.stopped()
    assert (state.status, state.reason) == (Status.COMPENSATED, WHY)
    effects = FORWARD[1 : FORWARD.index(method) + (late is None or isinstance(late, type(unknown())))]
    expected = [BACKWARD[2 - number] for number in reversed(range(len(effects)))]
    assert world.participants.methods() == [*FORWARD[: FORWARD.index(method) + 1], *expected]


async def test_a_cancel_during_a_pause_between_attempts_does_not_wait_for_its_end(world: EngineWorld) -> None:
    world.clock.hold_from = 0.0
    process, _ = await at(world, "AuthorizePayment", unknown())
    await until(world.clock.is_held)
    await cancel(process)

    assert (await world.stopped()).status is Status.COMPENSATED
    assert world.participants.methods() == [*FORWARD[:3], "VoidAuthorization", "ReleaseStock"]


async def test_a_cancel_before_anything_was_sent_leaves_nothing(world: EngineWorld) -> None:
    process = world.process()
    process.journal.journal_is = "held"
    started = asyncio.ensure_future(process.worker.start(world.order()))
    await turns()
    cancelled = cancel(process)
    await turns()
    assert not cancelled.done()

    process.journal.switch("up")
    await started
    await cancelled
    state = await world.stopped()
    assert state.status is Status.COMPENSATED
    assert set(world.participants.methods()) <= {"PriceOrder", "ReleaseStock"}, "an intent that was never sent"


async def test_a_cancel_is_answered_once_the_rollback_is_durable(world: EngineWorld) -> None:
    process, answer = await at(world, "AuthorizePayment")
    cancelled = cancel(process)
    answer.give()
    process.journal.journal_is = "held"
    await turns()
    assert not cancelled.done()

    process.journal.switch("up")
    await cancelled
    assert any(isinstance(entry, RollbackBegan) for entry in world.entries())


async def test_a_cancel_that_the_journal_cannot_take_is_not_answered_as_done(world: EngineWorld) -> None:
    process, answer = await at(world, "AuthorizePayment")
    cancelled = cancel(process)
    process.journal.journal_is = "down"
    answer.give()

    with pytest.raises(JournalUnavailable):
        await cancelled
    assert not world.state().rollback


async def test_repeating_a_cancel_changes_nothing(world: EngineWorld) -> None:
    process, answer = await at(world, "AuthorizePayment")
    first, second = cancel(process), cancel(process)
    await turns()
    answer.give()
    await asyncio.gather(first, second)
    third = await cancel(process)
    state = await world.stopped()
    fourth = await cancel(process)

    assert third.rollback
    assert fourth.status is state.status is Status.COMPENSATED
    assert [type(entry) for entry in world.entries()].count(RollbackBegan) == 1


async def test_a_cancel_during_a_rollback_for_another_reason_changes_nothing(world: EngineWorld) -> None:
    world.participants.scripts["ArrangeShipment"] = [rejected()]
    process, answer = await at(world, "VoidAuthorization")
    state = await cancel(process)
    assert state.reason is not None
    assert state.reason.code == "REJECTED"

    answer.give()
    assert (await world.stopped()).status is Status.COMPENSATED


async def test_a_cancel_waits_for_a_pivot_in_flight_and_is_refused_once_it_is_accepted(world: EngineWorld) -> None:
    process, answer = await at(world, "CapturePayment")
    cancelled = cancel(process)
    await turns()
    assert not cancelled.done()

    answer.give()
    with pytest.raises(CancelRefused) as refusal:
        await cancelled
    assert refusal.value.reason == "PAST_PIVOT"
    assert "PaymentService.CapturePayment#1; it only goes forward now" in str(refusal.value)
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_cancel_that_waits_for_a_pivot_finds_the_rollback_when_that_is_rejected(world: EngineWorld) -> None:
    process, answer = await at(world, "CapturePayment")
    cancelled = cancel(process)
    await turns()
    answer.give(rejected())

    assert (await cancelled).rollback
    assert (await world.stopped()).status is Status.COMPENSATED


async def test_a_cancel_is_refused_after_the_pivot(world: EngineWorld) -> None:
    process, answer = await at(world, "SendConfirmation")
    with pytest.raises(CancelRefused) as refusal:
        await cancel(process)
    assert refusal.value.reason == "PAST_PIVOT"

    answer.give()
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_cancel_is_refused_after_the_end(world: EngineWorld) -> None:
    process = world.process()
    await process.run()

    with pytest.raises(CancelRefused) as refusal:
        await cancel(process)
    assert refusal.value.reason == "SAGA_ENDED"


async def test_a_saga_that_was_never_started_cannot_be_cancelled(world: EngineWorld) -> None:
    with pytest.raises(SagaNotFound):
        await cancel(world.process())


async def test_a_suspended_saga_is_rolled_back_by_a_cancel(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(altered(trip, "AuthorizePayment", on_unknown=OnUnknown.SUSPEND, retry=RetryPolicy(attempts=1)))
    world.participants.scripts["AuthorizePayment"] = [unknown()]
    process = world.process()
    assert (await process.run()).status is Status.SUSPENDED

    assert (await cancel(process)).rollback
    state = await world.stopped()
    await until(lambda: world.state().status is Status.COMPENSATED)
    assert state.reason == WHY
    assert world.participants.methods() == [*FORWARD[:3], "VoidAuthorization", "ReleaseStock"]


async def test_two_cancels_of_a_suspended_saga_roll_it_back_once(world_of: Callable[..., EngineWorld]) -> None:
    world = world_of(altered(trip, "AuthorizePayment", on_unknown=OnUnknown.SUSPEND, retry=RetryPolicy(attempts=1)))
    world.participants.scripts["AuthorizePayment"] = [unknown()]
    process = world.process()
    await process.run()
    states = await asyncio.gather(cancel(process), cancel(process))
    await until(lambda: world.state().status is Status.COMPENSATED)

    assert all(state.rollback for state in states)
    assert [type(entry) for entry in world.entries()].count(RollbackBegan) == 1
    assert world.participants.methods().count("ReleaseStock") == 1


@pytest.fixture
def doubtful(world_of: Callable[..., EngineWorld]) -> EngineWorld:
    """A world on which a pivot without an answer suspends the saga."""
    return world_of(altered(trip, "CapturePayment", on_unknown=OnUnknown.SUSPEND, retry=RetryPolicy(attempts=1)))


async def test_a_saga_suspended_with_its_pivot_in_doubt_is_not_rolled_back(doubtful: EngineWorld) -> None:
    doubtful.participants.scripts["CapturePayment"] = [unknown()]
    process = doubtful.process()
    assert (await process.run()).status is Status.SUSPENDED

    with pytest.raises(CancelRefused) as refusal:
        await cancel(process)
    assert refusal.value.reason == "PIVOT_IN_DOUBT"
    await turns()
    assert doubtful.participants.methods() == FORWARD[:5]


async def test_a_cancel_that_waits_for_a_pivot_learns_that_it_stays_in_doubt(doubtful: EngineWorld) -> None:
    process, answer = await at(doubtful, "CapturePayment")
    cancelled = cancel(process)
    await turns()
    answer.give(unknown())

    with pytest.raises(CancelRefused, match=r"PaymentService\.CapturePayment#1 is in doubt"):
        await cancelled
    assert doubtful.state().status is Status.SUSPENDED


async def test_a_cancel_that_meets_a_shutdown_is_not_answered_as_done(world: EngineWorld) -> None:
    process, answer = await at(world, "CapturePayment")
    cancelled = cancel(process)
    await turns()
    closing = asyncio.ensure_future(process.worker.close(grace=60))
    await turns()
    answer.give(unknown())
    await closing

    with pytest.raises(ClaimLost, match="ask again"):
        await cancelled


async def test_a_cancel_of_a_saga_that_another_replica_advances_is_not_answered_as_done(world: EngineWorld) -> None:
    _, answer = await at(world, "AuthorizePayment")

    with pytest.raises(ClaimLost, match="saga saga-1 is being advanced by somebody else; ask again"):
        await cancel(world.process())
    answer.give()
    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_cancel_during_recovery_sends_no_new_command(world_of: Callable[..., EngineWorld]) -> None:
    """The code waits at the replay gate, for what the journal still holds, while the cancel comes in."""

    async def changed(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.pricing.PriceOrder(PRICE, timeout=1)
        await shop.pricing.PriceOrder(PRICE, timeout=2)
        return Receipt()

    world = world_of(trip)
    await at(world, "AuthorizePayment")
    world.crash()
    process = world.process(saga("trip", version=1)(changed))
    opening = asyncio.ensure_future(process.worker.open())
    await until(lambda: SAGA in process.worker.live)
    await cancel(process)
    await opening

    state = await world.stopped()
    assert state.status is Status.COMPENSATED
    assert len(state.commands) == 3, "nothing was even intended"
    assert world.participants.methods() == [*FORWARD[:3], "VoidAuthorization", "ReleaseStock"]


def claim_late(world: EngineWorld, monkeypatch: pytest.MonkeyPatch, during: Callable[[], Awaitable[object]]) -> None:
    """Something happens after a replica has looked at a saga, and before it claims it."""
    claim_resting = world.journal.claim_resting

    async def claim(owner: str, saga_id: str) -> object:
        monkeypatch.setattr(world.journal, "claim_resting", claim_resting)
        await during()
        return await claim_resting(owner, saga_id)

    monkeypatch.setattr(world.journal, "claim_resting", claim)


async def test_a_cancel_of_a_saga_that_completes_before_it_is_claimed_is_refused(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, answer = await at(world, "AuthorizePayment")

    async def complete() -> None:
        answer.give()
        await world.stopped()

    claim_late(world, monkeypatch, complete)
    with pytest.raises(CancelRefused, match="has completed"):
        await cancel(world.process())
    assert world.state().status is Status.COMPLETED


async def test_a_resume_of_a_saga_that_another_replica_has_resumed_before_it_is_claimed_is_refused(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, answer = await at(world, "AuthorizePayment")
    pause = asyncio.ensure_future(process.acts.pause(SAGA, "wait", Actor("ada")))
    await turns()
    answer.give()
    await pause

    async def resume() -> None:
        await process.acts.resume(SAGA, "go on", Actor("ada"))
        await until(lambda: world.state().status is Status.COMPLETED)

    claim_late(world, monkeypatch, resume)
    with pytest.raises(ActRefused, match="is completed, not suspended"):
        await world.process().acts.resume(SAGA, "go on", Actor("bob"))
    assert world.state().status is Status.COMPLETED


async def test_a_claim_that_a_replica_could_not_use_keeps_no_other_from_resuming_the_saga(world: EngineWorld) -> None:
    process, answer = await at(world, "AuthorizePayment")
    await process.worker.open()  # it lives on
    pause = asyncio.ensure_future(process.acts.pause(SAGA, "wait", Actor("ada")))
    await turns()
    answer.give()
    await pause
    assert await world.journal.claim_resting(process.worker.owner, SAGA), "and then it could not read the journal"

    await world.process().acts.resume(SAGA, "go on", Actor("bob"))
    assert (await world.stopped()).status is Status.COMPLETED
