"""What an answer means, and what no answer means: unknown is not failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.outcome import Completed
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status, StepOutcome
from orchestrator.testing.conformance.engines.answers import (
    BUSY,
    NOT_SEEN,
    REJECTED,
    REJECTED_BY_GUARD,
    UNKNOWN,
)
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.sagas import BACKWARD, FORWARD, trip, unsayable

if TYPE_CHECKING:
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


@scenario()
async def a_lost_answer_is_asked_for_again_with_the_same_key(stage: Stage) -> None:
    """Two attempts, one key, and the saga goes on."""
    stage.participants.scripts["ReserveStock"] = [UNKNOWN]

    state = await stage.run(trip, "trip-1")

    first, second = stage.participants.of("ReserveStock")
    assert first.key == second.key
    assert first.request == second.request
    assert state.status is Status.COMPLETED
    assert state.commands["InventoryService.ReserveStock#1"].attempts == 2  # noqa: PLR2004 - as above


@scenario()
async def a_participant_that_cannot_now_is_asked_again(stage: Stage) -> None:
    """It had no effect, and is attempted again."""
    stage.participants.scripts["AuthorizePayment"] = [BUSY]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.COMPLETED
    assert len(stage.participants.of("AuthorizePayment")) == 2  # noqa: PLR2004 - as above


@scenario()
async def a_rejection_after_a_lost_answer_settles_nothing(stage: Stage) -> None:
    """The first attempt may have had an effect: it is compensated, with the rest."""
    stage.participants.scripts["AuthorizePayment"] = [UNKNOWN, REJECTED]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.COMPENSATED
    assert state.commands["PaymentService.AuthorizePayment#1"].outcome is StepOutcome.UNKNOWN
    assert tuple(stage.participants.methods()[-2:]) == BACKWARD[1:]


@scenario()
async def a_rejection_by_the_guard_settles_every_attempt(stage: Stage) -> None:
    """The guard says that no attempt had an effect, nor will have: nothing of it is compensated."""
    stage.participants.scripts["AuthorizePayment"] = [UNKNOWN, REJECTED_BY_GUARD]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.COMPENSATED
    assert state.commands["PaymentService.AuthorizePayment#1"].outcome is StepOutcome.REJECTED
    assert stage.participants.methods()[-1] == "ReleaseStock"
    assert not stage.participants.of("VoidAuthorization")


@scenario()
async def a_pivot_that_is_rejected_after_doubt_is_verified(stage: Stage) -> None:
    """The query says that it took no effect, and it is sent again."""
    stage.participants.scripts["CapturePayment"] = [UNKNOWN, REJECTED]
    stage.participants.scripts["GetPayment"] = [NOT_SEEN]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.COMPLETED
    assert len(stage.participants.of("CapturePayment")) == 3  # noqa: PLR2004 - as the docstring says
    (asked,) = stage.participants.of("GetPayment")
    assert "verifies" in asked.metadata


@scenario()
async def a_rejected_pivot_rolls_back(stage: Stage) -> None:
    """It had no effect, so there is a way back."""
    stage.participants.scripts["CapturePayment"] = [REJECTED]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.COMPENSATED
    assert tuple(stage.participants.methods()) == (*FORWARD[:5], *BACKWARD)


@scenario()
async def a_refusal_after_the_pivot_suspends(stage: Stage) -> None:
    """There is no way back: an operator decides."""
    stage.participants.scripts["SendConfirmation"] = [REJECTED]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.code is ReasonCode.REJECTED_AFTER_PIVOT


@scenario()
async def a_reply_that_cannot_be_read_is_a_lost_answer(stage: Stage) -> None:
    """The command is sent again."""
    stage.participants.scripts["ReserveStock"] = [Completed(b"\xff\xff")]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.COMPLETED
    assert len(stage.participants.of("ReserveStock")) == 2  # noqa: PLR2004 - as the docstring says


@scenario()
async def a_reason_that_cannot_be_said_is_kept_as_far_as_it_can(stage: Stage) -> None:
    """The saga is rolled back like any other, and can be read and found."""
    state = await stage.run(unsayable, "saga-1")

    assert state.status is Status.COMPENSATED
    assert stage.participants.methods() == ["ReserveStock", "ReleaseStock"]
    assert state.rollback is not None
    assert state.rollback.message == "GIVEN_UP: nobody likes this \N{REPLACEMENT CHARACTER}"
