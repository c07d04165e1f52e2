"""Code that no longer matches its journal is suspended, and nothing is sent for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from orchestrator import SagaRejected, saga, scope
from orchestrator.journal.entries import CommandIntended
from orchestrator.journal.state import Status
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest
from tests.support.engine_world import ARRANGE, AUTHORIZE, CAPTURE, PRICE, RESERVE, SAGA, Shop
from tests.unit.engine.changed_code import changed
from tests.unit.engine.held_sagas import interrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.engine_world import Definition, EngineWorld

    Code = Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]


async def without_the_second(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.shipping.ArrangeShipment(ARRANGE)
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt()


async def with_one_more_before(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    with scope("more"):
        await shop.inventory.ReserveStock(RESERVE)
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt()


async def with_another_request(_order: StartOrderRequest, shop: Shop) -> Receipt:
    await shop.pricing.PriceOrder(PRICE)
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id="another"))
    return Receipt()


async def that_returns_at_once(_order: StartOrderRequest, _shop: Shop) -> Receipt:
    return Receipt()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            without_the_second,
            (
                "the code waits for ShippingService.ArrangeShipment#1; the journal goes on with "
                "InventoryService.ReserveStock#1"
            ),
        ),
        (
            with_one_more_before,
            (
                "the code now calls more/InventoryService.ReserveStock#1; the journal goes on with "
                "InventoryService.ReserveStock#1, PaymentService.AuthorizePayment#1, ShippingService.ArrangeShipment#1"
            ),
        ),
        (
            with_another_request,
            (
                'InventoryService.ReserveStock#1: the journal holds {order_id: "saga-1"}; '
                'the code now sends {order_id: "another"}'
            ),
        ),
        (
            that_returns_at_once,
            (
                "the code returned; the journal goes on with InventoryService.ReserveStock#1, "
                "PaymentService.AuthorizePayment#1, PricingService.PriceOrder#1, ShippingService.ArrangeShipment#1"
            ),
        ),
    ],
)
async def test_code_that_no_longer_matches_is_suspended_with_both_sides_shown(
    world: EngineWorld, code: Code, message: str
) -> None:
    before = await interrupted(world, "ArrangeShipment")
    await world.recover(changed(code))
    state = await world.stopped()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.message) == ("DIVERGED", message)
    sent = {call.method for call in world.participants.calls[before:]}
    assert sent <= {"ArrangeShipment"}, "at most what is in doubt is sent again"


async def test_no_handler_of_the_codes_own_gets_over_a_divergence(world_of: Callable[..., EngineWorld]) -> None:
    async def stubborn(_order: StartOrderRequest, shop: Shop) -> Receipt:
        with contextlib.suppress(Exception):
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id="another"))
        await asyncio.gather(shop.payment.AuthorizePayment(AUTHORIZE), return_exceptions=True)
        return Receipt()

    async def before(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    world = world_of(changed(before))
    sent = await interrupted(world, "AuthorizePayment")
    await world.recover(changed(stubborn))
    state = await world.stopped()

    assert state.reason is not None
    assert state.reason.code == "DIVERGED"
    assert 'the code now sends {order_id: "another"}' in state.reason.message
    assert len(world.participants.calls) == sent


async def test_code_that_gives_up_where_its_journal_goes_on_is_suspended_and_not_rolled_back(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def before(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    async def timid(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        raise SagaRejected("TOO_RISKY", "not today")

    world = world_of(changed(before))
    sent = await interrupted(world, "AuthorizePayment")
    await world.recover(changed(timid))
    state = await world.stopped()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert state.reason.code == "DIVERGED"
    assert state.reason.message.startswith("the code now gives up (")
    assert state.reason.message.endswith("; the journal goes on with PaymentService.AuthorizePayment#1")
    assert len(world.participants.calls) == sent


async def test_a_diverged_saga_shows_no_field_that_its_contract_redacts(world_of: Callable[..., EngineWorld]) -> None:
    def paying(token: str) -> Definition:
        async def pay(_order: StartOrderRequest, shop: Shop) -> Receipt:
            await shop.payment.AuthorizePayment(AuthorizePaymentRequest(order_id=SAGA, card_token=token))
            return Receipt()

        return changed(pay)

    world = world_of(paying("tok_secret_1"))
    await interrupted(world, "AuthorizePayment")
    await world.recover(paying("tok_secret_2"))
    state = await world.stopped()

    assert "card_token" in str(state.reason)
    assert "secret" not in str(state.reason)


def rewrite(world: EngineWorld, change: Callable[[CommandIntended], CommandIntended]) -> None:
    """Make the journal one that other code has written."""
    kept = world.journal._sagas[SAGA]
    kept.entries = [change(entry) if isinstance(entry, CommandIntended) else entry for entry in kept.entries]
    world.observer.entries.clear()


async def test_a_request_that_differs_in_its_bytes_only_is_the_same(world: EngineWorld) -> None:
    """The same field a second time: other bytes, which parse to the same message."""
    await interrupted(world, "AuthorizePayment")
    again = ReserveStockRequest(order_id=SAGA).SerializeToString()
    rewrite(world, lambda entry: entry._replace(request=entry.request + again) if "Reserve" in entry.key else entry)
    await world.recover()

    assert (await world.stopped()).status is Status.COMPLETED


async def test_another_service_of_the_same_short_name_diverges(world: EngineWorld) -> None:
    await interrupted(world, "AuthorizePayment")
    rewrite(world, lambda entry: entry._replace(method=entry.method.replace("shop.", "other.")))
    await world.recover()
    state = await world.stopped()

    assert state.reason is not None
    assert (state.reason.code, state.reason.message) == (
        "DIVERGED",
        (
            "PricingService.PriceOrder#1: the journal holds other.pricing.v1.PricingService.PriceOrder; "
            "the code now sends shop.pricing.v1.PricingService.PriceOrder"
        ),
    )


async def test_a_saga_whose_version_is_not_served_is_suspended(world: EngineWorld) -> None:
    await interrupted(world, "ReserveStock")
    before = len(world.participants.calls)

    async def other(_order: StartOrderRequest, _shop: Shop) -> Receipt:
        return Receipt()

    await world.recover(saga("trip", version=2)(other))
    state = await world.stopped()

    assert state.reason is not None
    assert (state.reason.code, state.reason.message) == (
        "DEFINITION_MISSING",
        "no saga trip v1 is served; serve the module that holds it",
    )
    assert len(world.participants.calls) == before
