"""A saga as a command of another: started once, awaited, and rolled back with its parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import REJECTED
from orchestrator.testing.conformance.engines.collecting import Scenarios
from orchestrator.testing.conformance.engines.sagas import delivery
from shop.order.v1.order_pb2 import Receipt

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState
    from orchestrator.testing.conformance.engines.harness import Stage

scenario = Scenarios()


async def _child(stage: Stage, parent: SagaState) -> SagaState:
    (key,) = [each for each in parent.commands if "parcel" in each]
    return await stage.rests(f"{parent.saga_id}/{key}")


@scenario()
async def a_child_runs_as_a_command_of_its_parent(stage: Stage) -> None:
    """Its result is what the parent's code gets, and it knows its parent."""
    state = await stage.run(delivery, "delivery-1")

    child = await _child(stage, state)
    assert state.status is child.status is Status.COMPLETED
    assert child.parent_id == "delivery-1"
    assert Receipt.FromString(state.result or b"").order_id == child.saga_id
    assert stage.participants.methods() == ["ReserveStock", "ArrangeShipment", "CapturePayment"]


@scenario()
async def a_child_is_rolled_back_with_its_parent_after_it_has_completed(stage: Stage) -> None:
    """In its place of the reverse order."""
    stage.participants.scripts["CapturePayment"] = [REJECTED]

    state = await stage.run(delivery, "delivery-1")

    assert state.status is Status.COMPENSATED
    assert (await _child(stage, state)).status is Status.COMPENSATED
    assert stage.participants.methods()[-2:] == ["CancelShipment", "ReleaseStock"]


@scenario()
async def a_child_that_is_rolled_back_is_a_rejection_to_its_parent(stage: Stage) -> None:
    """Nothing of it stands, and the parent goes back."""
    stage.participants.scripts["ReserveStock"] = [REJECTED]

    state = await stage.run(delivery, "delivery-1")

    assert state.status is Status.COMPENSATED
    assert (await _child(stage, state)).status is Status.COMPENSATED
    assert stage.participants.methods() == ["ReserveStock"]
