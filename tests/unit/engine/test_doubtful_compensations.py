"""Compensations that are refused or in doubt, and what operators may say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator import scope
from orchestrator.errors import ActRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import CompensationResolved
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from tests.support.engine_world import ARRANGE, CAPTURE, CONFIRM, RESERVE, SAGA, Shop, rejected, unknown
from tests.unit.engine.doubtful_sagas import AUTHORIZED, CONFIRMED, RESERVED, saga_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld


async def test_a_compensation_that_is_refused_after_doubt_is_sent_again_a_few_times(world: EngineWorld) -> None:
    world.participants.scripts |= {
        "ArrangeShipment": [rejected()],
        "VoidAuthorization": [unknown(), rejected("UNIMPLEMENTED"), rejected("UNIMPLEMENTED")],
    }
    state = await world.process().run()

    assert state.status is Status.COMPENSATED
    assert len(world.participants.of("VoidAuthorization")) == 4


async def test_a_compensation_that_is_refused_again_and_again_comes_before_an_operator(world: EngineWorld) -> None:
    world.participants.scripts |= {
        "ArrangeShipment": [rejected()],
        "VoidAuthorization": [unknown(), *[rejected("NOT_FOUND")] * 9],
    }
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("COMPENSATION_REJECTED", AUTHORIZED)
    assert len(world.participants.of("VoidAuthorization")) == 4
    assert world.participants.of("ReleaseStock") == [], "the order is kept"


async def test_an_operator_may_not_skip_what_nothing_is_in_the_way_of(world: EngineWorld) -> None:
    world.participants.scripts |= {"CapturePayment": [rejected()], "VoidAuthorization": [rejected()]}
    process = world.process()
    await process.run()
    for key in (RESERVED, "ReserveStock", "InventoryService.ReserveStock"):
        with pytest.raises(ActRefused):
            await process.acts.skip_compensation(SAGA, key, "why not", Actor("ada"))
    with pytest.raises(ActRefused, match=f"what is: {AUTHORIZED}"):
        await process.acts.skip_compensation(SAGA, RESERVED, "why not", Actor("ada"))
    await process.acts.skip_compensation(SAGA, AUTHORIZED, "refunded in cash", Actor("ada"))
    await process.acts.resume(SAGA, "go on", Actor("ada"))

    assert (await world.stopped()).status is Status.PARTIALLY_COMPENSATED
    assert world.participants.methods()[-1] == "ReleaseStock"


async def test_a_name_that_more_than_one_command_has_is_refused_with_the_candidates(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def twice(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.inventory.ReserveStock(RESERVE)
        with scope("item-1"):
            await shop.inventory.ReserveStock(RESERVE)
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    world = world_of(saga_of(twice))
    world.participants.scripts |= {"CapturePayment": [rejected()], "ReleaseStock": [None, rejected()]}
    process = world.process()
    await process.run()
    candidates = "ReserveStock#1, InventoryService.ReserveStock#2, item-1/InventoryService.ReserveStock#1; say which"
    for act in (process.acts.skip_compensation, process.acts.resolve_compensation):
        with pytest.raises(ActRefused, match=candidates) as refused:
            await act(SAGA, "InventoryService.ReserveStock", "by hand", Actor("ada"))
        assert refused.value.reason == "AMBIGUOUS_COMMAND"
    await process.acts.skip_compensation(SAGA, "InventoryService.ReserveStock#2", "sold by hand", Actor("ada"))

    assert [command.skipped for command in world.state().commands.values()] == [False, True, False, False]


async def test_an_effect_that_was_taken_back_by_hand_is_compensated(world: EngineWorld) -> None:
    world.participants.scripts |= {"CapturePayment": [rejected()], "VoidAuthorization": [rejected("NOT_FOUND")]}
    process = world.process()
    await process.run()
    await process.acts.resolve_compensation(SAGA, "PaymentService.AuthorizePayment", "voided by hand", Actor("ada"))
    await process.acts.resume(SAGA, "go on", Actor("ada"))
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert len(world.participants.of("VoidAuthorization")) == 1
    (resolved,) = (entry for entry in world.entries() if isinstance(entry, CompensationResolved))
    assert resolved.reason == Reason(ReasonCode.RESOLVED, "voided by hand", "PaymentService.AuthorizePayment#1", "ada")


async def test_an_effect_without_a_compensation_that_was_taken_back_by_hand_is_compensated(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def hasty(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.email.SendConfirmation(CONFIRM)
        await shop.shipping.ArrangeShipment(ARRANGE)
        return Receipt()

    world = world_of(saga_of(hasty))
    world.participants.scripts["ArrangeShipment"] = [rejected()]
    process = world.process()
    state = await process.run()
    assert state.reason is not None
    assert state.reason.code == "EFFECT_STANDS"
    await process.acts.resolve_compensation(SAGA, CONFIRMED, "told them", Actor("ada"))
    await process.acts.resume(SAGA, "go on", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPENSATED
