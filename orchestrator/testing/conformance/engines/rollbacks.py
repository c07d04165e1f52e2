"""Compensations run in the reverse order of the commands, each until it has succeeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.entries import CompensationBegan
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import REJECTED, UNKNOWN
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.sagas import BACKWARD, FORWARD, branches, broken, trip

if TYPE_CHECKING:
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


@scenario()
async def a_rejection_compensates_in_reverse_order(stage: Stage) -> None:
    """What was done before is taken back, the last first, and says of which command it is the undo."""
    stage.participants.scripts["ArrangeShipment"] = [REJECTED]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.COMPENSATED
    assert state.rollback is not None
    assert state.rollback.code is ReasonCode.REJECTED
    assert tuple(stage.participants.methods()) == (*FORWARD[:4], "VoidAuthorization", "ReleaseStock")
    (void,), (authorize,) = stage.participants.of("VoidAuthorization"), stage.participants.of("AuthorizePayment")
    assert void.metadata["compensates"] == authorize.key
    assert void.key != authorize.key


@scenario()
async def a_compensation_is_sent_until_it_succeeds(stage: Stage) -> None:
    """With one key, and before those that come after it."""
    stage.participants.scripts["ArrangeShipment"] = [REJECTED]
    stage.participants.scripts["VoidAuthorization"] = [UNKNOWN, UNKNOWN]

    state = await stage.run(trip, "trip-1")

    assert state.status is Status.COMPENSATED
    attempts = stage.participants.of("VoidAuthorization")
    assert len(attempts) == 3  # noqa: PLR2004 - two were lost
    assert len({call.key for call in attempts}) == 1
    assert stage.participants.methods()[-1] == "ReleaseStock"


@scenario()
async def branches_are_compensated_in_the_reverse_of_their_start(stage: Stage) -> None:
    """However they were answered."""
    stage.participants.scripts["CapturePayment"] = [REJECTED]

    state = await stage.run(branches, "branches-1")

    assert state.status is Status.COMPENSATED
    started = [key for key in state.commands if not key.endswith("CapturePayment#1")]
    compensated = [
        entry.key for entry in await stage.sagas.entries("branches-1") if isinstance(entry, CompensationBegan)
    ]
    assert compensated == list(reversed(started))
    assert len(compensated) == 5  # noqa: PLR2004 - three reservations, one authorization, one shipment


@scenario()
async def a_branch_that_is_refused_rolls_back_its_neighbours(stage: Stage) -> None:
    """Those that were under way are awaited first."""
    stage.participants.scripts["ReserveStock"] = [None, REJECTED]

    state = await stage.run(branches, "branches-1")

    assert state.status is Status.COMPENSATED
    assert len(stage.participants.of("ReserveStock")) == 3  # noqa: PLR2004 - one for each branch
    assert len(stage.participants.of("ReleaseStock")) == 2  # noqa: PLR2004 - one was refused
    assert not stage.participants.of("CapturePayment")


@scenario()
async def code_that_fails_suspends(stage: Stage) -> None:
    """A fault of the code is nobody's rejection: a person decides."""
    state = await stage.run(broken, "broken-1")

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.code is ReasonCode.CODE_FAILED
    assert "a fault in the code" in state.reason.message


@scenario()
async def a_rollback_can_be_seen_before_it_is_asked_for(stage: Stage) -> None:
    """The preview lists the compensations in their order, each with its request."""
    answer = stage.hold("CapturePayment")
    await stage.start(trip, "trip-1")
    await answer.asked.wait()

    planned = stage.sagas.preview(await stage.sagas.get("trip-1"))

    assert tuple(each.compensation.rpartition(".")[2] for each in planned) == BACKWARD
    assert all(each.request is not None and not each.obstacle for each in planned)
