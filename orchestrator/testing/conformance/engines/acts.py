"""What operators do: each act is legal in some states, is journalled, and is refused with a reason in the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.errors import ActRefused, CancelRefused
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import RetryRequested, RollbackBegan, SagaResumed
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA, BUSY_FOR_LONG, REJECTED
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.raising import raises
from orchestrator.testing.conformance.engines.sagas import BACKWARD, FORWARD, trip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.journal.state import SagaState
    from orchestrator.testing.conformance.engines.harness import Answer, Stage

scenario = Scenarios()

HEARD_SECONDS: Final = 1.0
"""So long after it was asked for, an act has reached the saga, which waits for an answer that is in flight."""


def _cancelled_at(position: int) -> Callable[[Stage], Awaitable[None]]:
    method = FORWARD[position]

    async def run(stage: Stage) -> None:
        """The answer in flight is awaited, nothing more is sent forward, and what was done is taken back."""
        answer = stage.hold(method)
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        cancelling = asyncio.ensure_future(stage.sagas.act(Act.CANCEL, "trip-1", "changed my mind", ADA))
        await asyncio.sleep(HEARD_SECONDS)
        answer.give()

        assert (await cancelling).rollback is not None
        rested = await stage.rests("trip-1")
        assert rested.status is Status.COMPENSATED
        sent = stage.participants.methods()
        assert sent[position] == method
        forward = [each for each in sent if each in FORWARD]
        backward = [each for each in sent if each in BACKWARD]
        undone = dict(zip(FORWARD[1:4], reversed(BACKWARD), strict=True))
        assert sent == forward + backward
        assert backward == [undone[each] for each in reversed(forward) if each in undone]

    run.__name__ = f"a_cancel_during_{method}_takes_back_what_was_done"
    return run


for _position in range(4):
    scenario()(_cancelled_at(_position))


async def _paused(stage: Stage, answer: Answer) -> SagaState:
    """The trip, paused while an attempt of it waits for its answer."""
    pausing = asyncio.ensure_future(stage.sagas.act(Act.PAUSE, "trip-1", "one moment", ADA))
    await asyncio.sleep(HEARD_SECONDS)
    answer.give()
    return await pausing


@scenario()
async def a_cancel_tells_who_wanted_it_and_why(stage: Stage) -> None:
    """The journal keeps both."""
    answer = stage.hold("ReserveStock")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()
    cancelling = asyncio.ensure_future(stage.sagas.act(Act.CANCEL, "trip-1", "changed my mind", ADA))
    await asyncio.sleep(HEARD_SECONDS)
    answer.give()
    await cancelling
    await stage.rests("trip-1")

    (began,) = [entry for entry in await stage.sagas.entries("trip-1") if isinstance(entry, RollbackBegan)]

    assert (began.reason.code, began.reason.message) == (ReasonCode.CANCELLED, "changed my mind")
    assert (began.reason.requested_by, began.reason.authority, began.reason.peer) == ADA


@scenario()
async def a_repeated_cancel_changes_nothing(stage: Stage) -> None:
    """It is answered as the first one was."""
    answer = stage.hold("ReleaseStock")
    stage.participants.scripts["AuthorizePayment"] = [REJECTED]
    await stage.start(trip, "trip-1")
    await answer.asked.wait()

    status = (await stage.sagas.act(Act.CANCEL, "trip-1", "again", ADA)).status
    answer.give()
    rested = await stage.rests("trip-1")
    after = await stage.sagas.act(Act.CANCEL, "trip-1", "and again", ADA)

    assert status is Status.COMPENSATING
    assert rested.status is after.status is Status.COMPENSATED
    assert after.rollback is not None
    assert after.rollback.code is ReasonCode.REJECTED


@scenario()
async def a_cancel_after_the_pivot_is_refused(stage: Stage) -> None:
    """With the reason; the saga goes on."""
    answer = stage.hold("SendConfirmation")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()

    async with raises(CancelRefused, "PAST_PIVOT"):
        await stage.sagas.refuse_act(Act.CANCEL, "trip-1")
    async with raises(CancelRefused, "PAST_PIVOT"):
        await stage.sagas.act(Act.CANCEL, "trip-1", "too late", ADA)
    answer.give()

    assert (await stage.rests("trip-1")).status is Status.COMPLETED
    async with raises(CancelRefused, "SAGA_ENDED"):
        await stage.sagas.act(Act.CANCEL, "trip-1", "far too late", ADA)


@scenario()
async def a_paused_saga_rests_until_it_is_resumed(stage: Stage) -> None:
    """Nothing is sent in between."""
    answer = stage.hold("ReserveStock")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()

    paused = await _paused(stage, answer)
    sent = stage.participants.methods()
    resumed = await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)
    state = await stage.rests("trip-1")

    assert paused.status is Status.SUSPENDED
    assert paused.reason is not None
    assert (paused.reason.code, paused.reason.requested_by) == (ReasonCode.PAUSED, "ada")
    assert sent == ["PriceOrder", "ReserveStock"]
    assert resumed.status in {Status.RUNNING, Status.COMPLETED}
    assert state.status is Status.COMPLETED
    assert tuple(stage.participants.methods()) == FORWARD
    assert any(isinstance(entry, SagaResumed) for entry in await stage.sagas.entries("trip-1"))


@scenario()
async def a_paused_saga_can_be_cancelled(stage: Stage) -> None:
    """From where it rests, it goes back."""
    answer = stage.hold("AuthorizePayment")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()
    await _paused(stage, answer)

    await stage.sagas.act(Act.CANCEL, "trip-1", "rather not", ADA)

    assert (await stage.rests("trip-1")).status is Status.COMPENSATED
    assert stage.participants.methods()[-2:] == ["VoidAuthorization", "ReleaseStock"]


@scenario()
async def a_rollback_that_is_paused_goes_on_backward(stage: Stage) -> None:
    """Where it stopped."""
    stage.participants.scripts["ArrangeShipment"] = [REJECTED]
    answer = stage.hold("VoidAuthorization")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()
    paused = await _paused(stage, answer)
    assert paused.status is Status.SUSPENDED

    await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)

    assert (await stage.rests("trip-1")).status is Status.COMPENSATED
    assert len(stage.participants.of("VoidAuthorization")) == 1
    assert stage.participants.methods()[-1] == "ReleaseStock"


@scenario()
async def what_is_not_suspended_cannot_be_resumed(stage: Stage) -> None:
    """Nor resolved."""
    answer = stage.hold("ReserveStock")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()

    async with raises(ActRefused, "NOT_SUSPENDED"):
        await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)
    async with raises(ActRefused, "NOT_SUSPENDED"):
        await stage.sagas.skip_compensation("trip-1", "ReserveStock", "so it is", ADA)
    answer.give()
    await stage.rests("trip-1")
    for act in (Act.RESUME, Act.PAUSE):
        async with raises(ActRefused):
            await stage.sagas.act(act, "trip-1", "after its end", ADA)


@scenario()
async def a_backoff_is_cut_short_by_retry_now(stage: Stage) -> None:
    """And is refused where nothing backs off."""
    answer = stage.hold("ReserveStock")
    stage.participants.scripts["AuthorizePayment"] = [BUSY_FOR_LONG]
    await stage.start(trip, "trip-1")
    await answer.asked.wait()
    async with raises(ActRefused, "NOTHING_WAITS"):
        await stage.sagas.act(Act.RETRY_NOW, "trip-1", "hurry", ADA)
    answer.give()

    async def retried() -> bool:
        try:
            await stage.sagas.act(Act.RETRY_NOW, "trip-1", "hurry", ADA)
        except ActRefused:
            return False
        return True

    await stage.eventually(retried)

    assert (await stage.rests("trip-1")).status is Status.COMPLETED
    assert any(isinstance(entry, RetryRequested) for entry in await stage.sagas.entries("trip-1"))
