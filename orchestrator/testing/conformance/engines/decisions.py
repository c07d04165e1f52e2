"""What an operator decides about one command of a suspended saga."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import ActRefused
from orchestrator.journal.acts import Act
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA, REJECTED
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.raising import raises
from orchestrator.testing.conformance.engines.sagas import trip

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


async def _refused_compensation(stage: Stage) -> SagaState:
    stage.participants.scripts["ArrangeShipment"] = [REJECTED]
    stage.participants.scripts["VoidAuthorization"] = [REJECTED]
    state = await stage.run(trip, "trip-1")
    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.code is ReasonCode.COMPENSATION_REJECTED
    return state


@scenario()
async def an_effect_that_is_let_stand_is_told_at_the_end(stage: Stage) -> None:
    """The others are compensated, and the saga does not end as if nothing stood."""
    await _refused_compensation(stage)

    skipped = await stage.sagas.skip_compensation("trip-1", "PaymentService.AuthorizePayment", "the bank keeps it", ADA)
    await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)

    assert skipped.status is Status.SUSPENDED
    assert (await stage.rests("trip-1")).status is Status.PARTIALLY_COMPENSATED
    assert stage.participants.methods()[-1] == "ReleaseStock"


@scenario()
async def an_effect_that_was_taken_back_by_hand_counts_as_compensated(stage: Stage) -> None:
    """The saga ends compensated."""
    await _refused_compensation(stage)

    await stage.sagas.resolve_compensation("trip-1", "PaymentService.AuthorizePayment", "voided by telephone", ADA)
    await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)

    assert (await stage.rests("trip-1")).status is Status.COMPENSATED


@scenario()
async def a_refusal_after_the_pivot_is_resolved_as_done(stage: Stage) -> None:
    """With the reply, the code goes on as if the participant had given it."""
    stage.participants.scripts["SendConfirmation"] = [REJECTED]
    await stage.run(trip, "trip-1")
    command = stage.sagas.contract("shop.email.v1.EmailService.SendConfirmation")
    assert command is not None

    await stage.sagas.resolve_outcome(
        "trip-1",
        "EmailService.SendConfirmation",
        took_effect=True,
        reply=stage.participants.completed(command).reply,
        evidence="it is in the inbox",
        requested_by=ADA,
    )
    await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)

    assert (await stage.rests("trip-1")).status is Status.COMPLETED
    assert len(stage.participants.of("SendConfirmation")) == 1


@scenario()
async def a_decision_about_what_is_known_is_refused(stage: Stage) -> None:
    """And so is one about a command that there is not."""
    await _refused_compensation(stage)

    async with raises(ActRefused, "OUTCOME_KNOWN"):
        await stage.sagas.resolve_outcome(
            "trip-1", "InventoryService.ReserveStock", took_effect=False, reply=None, evidence="", requested_by=ADA
        )
    async with raises(ActRefused, "NO_SUCH_COMMAND"):
        await stage.sagas.skip_compensation("trip-1", "Nothing", "so it is", ADA)
    async with raises(ActRefused, "NOTHING_IN_THE_WAY"):
        await stage.sagas.skip_compensation("trip-1", "InventoryService.ReserveStock", "so it is", ADA)
