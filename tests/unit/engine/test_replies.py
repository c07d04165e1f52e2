"""A reply that cannot be read, or breaks its contract's constraints, is a lost answer and no success."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import OnUnknown, RetryPolicy
from orchestrator.journal.actor import Actor
from orchestrator.journal.outcome import Completed
from orchestrator.journal.state import Status, StepOutcome
from shop.payment.v1.payment_pb2 import GetPaymentResponse
from tests.support.engine_world import BACKWARD, FORWARD, SAGA, altered, rejected, trip

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld

EMPTY = Completed(b"")  # the response requires something
GARBAGE = Completed(b"\xff\xfe\xfd")
BAD_TEXT = Completed(b"\x0a\x02\xff\xfe")  # a string that is no UTF-8
unusable = pytest.mark.parametrize("reply", [EMPTY, GARBAGE, BAD_TEXT], ids=["empty", "garbage", "bad text"])
ATTEMPTS = 3
FEW = RetryPolicy(attempts=ATTEMPTS, first_delay=timedelta(milliseconds=10))


@unusable
async def test_before_the_pivot_it_is_unknown_and_compensated(
    world_of: Callable[..., EngineWorld], reply: Completed
) -> None:
    world = world_of(altered(trip, "ArrangeShipment", retry=FEW))
    world.participants.scripts["ArrangeShipment"] = [reply] * 9
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert world.participants.methods() == [*FORWARD[:3], *["ArrangeShipment"] * ATTEMPTS, *BACKWARD]
    shipped = state.commands["ShippingService.ArrangeShipment#1"]
    assert shipped.outcome is StepOutcome.UNKNOWN
    assert shipped.failure is not None
    assert shipped.failure.reason == ("REPLY_INVALID" if reply is EMPTY else "REPLY_UNREADABLE")


async def test_the_reply_is_told_by_type_and_size_and_by_what_is_wrong_with_it(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(altered(trip, "ArrangeShipment", retry=RetryPolicy(attempts=1)))
    world.participants.scripts["ArrangeShipment"] = [GARBAGE]
    state = await world.process().run()
    assert state.reason is not None
    assert "the reply, 3 bytes, cannot be read as shop.shipping.v1.ArrangeShipmentResponse" in state.reason.message

    world = world_of(altered(trip, "ArrangeShipment", retry=RetryPolicy(attempts=1)))
    world.participants.scripts["ArrangeShipment"] = [EMPTY]
    state = await world.process().run()
    assert state.reason is not None
    assert "the reply breaks its contract: shipment: must be given" in state.reason.message


@unusable
async def test_a_usable_reply_to_the_next_attempt_is_taken(world: EngineWorld, reply: Completed) -> None:
    world.participants.scripts["ArrangeShipment"] = [reply]

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("ArrangeShipment")) == 2


async def test_a_refusal_after_it_does_not_make_the_effect_undone(world: EngineWorld) -> None:
    world.participants.scripts["ArrangeShipment"] = [EMPTY, rejected()]

    assert (await world.process().run()).status is Status.COMPENSATED
    assert "CancelShipment" in world.participants.methods()


@unusable
async def test_of_a_pivot_it_is_verified(world_of: Callable[..., EngineWorld], reply: Completed) -> None:
    world = world_of(altered(trip, "CapturePayment", retry=FEW, on_unknown=OnUnknown.RESEND))
    world.participants.scripts["CapturePayment"] = [reply] * 9
    world.participants.replies["GetPayment"] = GetPaymentResponse(payment_id="p-1")

    assert (await world.process().run()).status is Status.COMPLETED
    assert len(world.participants.of("CapturePayment")) == ATTEMPTS


@unusable
async def test_of_a_pivot_that_cannot_be_verified_it_comes_before_an_operator(
    world_of: Callable[..., EngineWorld], reply: Completed
) -> None:
    world = world_of(altered(trip, "CapturePayment", retry=FEW, on_unknown=OnUnknown.RESEND, verify=None))
    world.participants.scripts["CapturePayment"] = [reply] * 9
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.code == "UNKNOWN"
    assert not set(BACKWARD) & set(world.participants.methods())


async def test_a_verify_whose_reply_cannot_be_used_comes_before_an_operator(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(altered(altered(trip, "GetPayment", retry=FEW), "CapturePayment", retry=FEW))
    world.participants.scripts |= {"CapturePayment": [GARBAGE] * 9, "GetPayment": [GARBAGE] * 9}
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert len(world.participants.of("GetPayment")) == 4, "as often as a query is attempted"


@unusable
async def test_after_the_pivot_it_comes_before_an_operator_and_may_be_resolved(
    world_of: Callable[..., EngineWorld], reply: Completed
) -> None:
    world = world_of(altered(trip, "SendConfirmation", retry=FEW))
    world.participants.scripts["SendConfirmation"] = [reply] * ATTEMPTS
    process = world.process()
    state = await process.run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("UNKNOWN", "EmailService.SendConfirmation#1")
    await process.acts.resume(SAGA, "they mended it", Actor("ada"))
    assert (await world.stopped()).status is Status.COMPLETED


@unusable
async def test_of_a_query_it_rolls_the_saga_back(world_of: Callable[..., EngineWorld], reply: Completed) -> None:
    world = world_of(altered(trip, "PriceOrder", retry=FEW))
    world.participants.scripts["PriceOrder"] = [reply] * 9

    assert (await world.process().run()).status is Status.COMPENSATED
    assert world.participants.methods() == ["PriceOrder"] * ATTEMPTS


async def test_a_compensation_may_have_nothing_to_say(world: EngineWorld) -> None:
    """The guard of a participant that never saw the command answers with an empty reply, whatever the contract asks."""
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [EMPTY]}

    assert (await world.process().run()).status is Status.COMPENSATED


async def test_a_compensation_whose_reply_cannot_be_read_has_not_succeeded(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(altered(trip, "VoidAuthorization", retry=FEW))
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "VoidAuthorization": [GARBAGE]}
    assert (await world.process().run()).status is Status.COMPENSATED
    assert len(world.participants.of("VoidAuthorization")) == 2
