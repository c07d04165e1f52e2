"""Branches and outcomes come in the order in which the journal tells them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from orchestrator import scope
from orchestrator.journal.state import ENDED, Status
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest
from tests.support.engine_world import (
    ARRANGE,
    AUTHORIZE,
    CAPTURE,
    CONFIRM,
    RESERVE,
    Answer,
    Shop,
    rejected,
    turns,
    until,
)
from tests.unit.engine.changed_code import changed
from tests.unit.engine.held_sagas import interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.outcome import Outcome
    from tests.support.engine_world import EngineWorld


async def test_branches_replay_in_any_order_before_anything_new_is_sent(world_of: Callable[..., EngineWorld]) -> None:
    async def branches(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async def long(name: str, number: int) -> None:
            with scope(name):
                for _ in range(number):
                    await asyncio.gather(asyncio.gather(shop.inventory.ReserveStock(RESERVE)))

        await asyncio.gather(*(long(f"b{number}", number) for number in range(6)))
        await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    world = world_of(changed(branches))
    await interrupted(world, "AuthorizePayment")
    before = len(world.participants.calls)
    await world.recover()

    assert (await world.stopped()).status is Status.COMPLETED
    assert [call.method for call in world.participants.calls[before:]] == ["AuthorizePayment"]


async def test_a_task_group_that_failed_replays_as_far_as_its_branches_had_come(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def getting_over_it(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async def nested(name: str) -> None:
            with scope(name):
                for _ in range(3):
                    await asyncio.gather(asyncio.gather(shop.inventory.ReserveStock(RESERVE)))

        with contextlib.suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(shop.payment.AuthorizePayment(AUTHORIZE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
                group.create_task(nested("one"))
                group.create_task(nested("other"))
        await shop.shipping.ArrangeShipment(ARRANGE)
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    async def late_refusal() -> Outcome:
        await turns(8)
        return rejected()

    world = world_of(changed(getting_over_it))
    world.participants.scripts["AuthorizePayment"] = [late_refusal]
    before = await interrupted(world, "CapturePayment")
    await world.recover()
    state = await world.stopped()

    # The branches were cancelled before they had sent their last commands, which therefore stay in doubt.
    assert state.reason is not None
    assert state.reason.code == "UNKNOWN"
    assert set(state.reason.message.removeprefix("the code returned; in doubt: ").split(", ")) == {
        "one/InventoryService.ReserveStock#2",
        "other/InventoryService.ReserveStock#2",
    }
    assert [call.method for call in world.participants.calls[before:]] == ["CapturePayment"]


@pytest.mark.parametrize("quiet", [0, 40, 10_000])
async def test_code_that_is_busy_without_a_command_is_not_taken_for_code_that_rests(
    world_of: Callable[..., EngineWorld], quiet: int
) -> None:
    """Two branches: one is in doubt at the crash, the other does a lot by itself between two journalled commands."""

    async def maybe(shop: Shop, *, wanted: bool) -> None:
        if wanted:
            await shop.inventory.ReserveStock(RESERVE)

    async def busy(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async def long() -> None:
            with scope("long"):
                for _ in range(3):
                    await maybe(shop, wanted=True)
                    for _ in range(quiet):
                        await asyncio.gather(maybe(shop, wanted=False), maybe(shop, wanted=False))

        await asyncio.gather(long(), shop.payment.AuthorizePayment(AUTHORIZE))
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    world = world_of(changed(busy))
    never = Answer()
    world.participants.scripts["AuthorizePayment"] = [never]
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: never.asked and len(world.participants.of("ReserveStock")) == 3, most=1_000_000)
    await until(lambda: len(world.state().settled) == 2)
    run.cancel()
    await world.recover()
    await until(lambda: world.state().status in {*ENDED, Status.SUSPENDED}, most=1_000_000)

    assert world.state().status is Status.COMPLETED
    assert len(world.participants.of("AuthorizePayment")) == 2


async def test_outcomes_are_given_in_the_order_in_which_the_code_once_got_them(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def racing(_order: StartOrderRequest, shop: Shop) -> Receipt:
        winners = []

        async def lane(name: str) -> None:
            with scope(name):
                await shop.inventory.ReserveStock(RESERVE)
            winners.append(name)

        await asyncio.gather(lane("one"), lane("two"))
        await shop.payment.AuthorizePayment(AuthorizePaymentRequest(order_id="-".join(winners)))
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    world = world_of(changed(racing))
    slow = Answer()
    world.participants.scripts["ReserveStock"] = [slow]
    world.participants.scripts["CapturePayment"] = [Answer()]
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked and len(world.participants.of("ReserveStock")) == 2)
    await turns()
    slow.give()
    await until(lambda: world.participants.of("CapturePayment"))
    run.cancel()
    await world.recover()

    assert (await world.stopped()).status is Status.COMPLETED
    (authorized,) = world.participants.of("AuthorizePayment")
    assert AuthorizePaymentRequest.FromString(authorized.request).order_id == "two-one"


async def test_a_branch_that_was_cancelled_before_its_command_left_does_not_send_it_in_a_replay(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def failing_fast(_order: StartOrderRequest, shop: Shop) -> Receipt:
        async def following() -> None:
            await shop.shipping.ArrangeShipment(ARRANGE)
            await shop.email.SendConfirmation(CONFIRM)

        with contextlib.suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(shop.payment.AuthorizePayment(AUTHORIZE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
                group.create_task(following())
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    world = world_of(changed(failing_fast))
    late = Answer()
    world.participants.scripts |= {"AuthorizePayment": [rejected()], "ArrangeShipment": [late]}
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: late.asked)
    await turns()
    late.give()  # the branch is cancelled; its answer is journalled all the same
    await until(lambda: "ShippingService.ArrangeShipment#1" in world.state().settled)
    run.cancel()
    await world.recover()
    await world.stopped()

    assert world.participants.of("SendConfirmation") == []
