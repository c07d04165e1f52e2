"""Recovery: the code runs again from the top, and what the journal holds is neither sent nor guessed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from contextvars import ContextVar, copy_context
from functools import partial
from typing import TYPE_CHECKING

import pytest

from orchestrator import SagaRejected, saga, scope
from orchestrator.contract.command import Effect
from orchestrator.engine.run.commands.command_issuer import CommandIssuer
from orchestrator.engine.run.executor import Executor
from orchestrator.engine.run.forward.code import Forward
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.replay.gate import ReplayGate
from orchestrator.engine.run.replay.loop import ReplayLoop
from orchestrator.engine.run.stop_control import StopControl
from orchestrator.journal.entries import CommandCompleted, CommandIntended, SagaRecovered, SagaStarted
from orchestrator.journal.fold import fold
from orchestrator.journal.state import ENDED, SagaState, Status
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest
from tests.support.engine_world import (
    ARRANGE,
    AUTHORIZE,
    CAPTURE,
    CONFIRM,
    FORWARD,
    PRICE,
    RESERVE,
    SAGA,
    Answer,
    Shop,
    rejected,
    turns,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.journal.outcome import Outcome
    from tests.support.engine_world import Definition, EngineWorld

    Code = Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]


async def interrupted(world: EngineWorld, method: str) -> int:
    """Let the saga come to this method, whose answer never comes; how many attempts were made until then."""
    never = Answer()
    world.participants.scripts[method].append(never)
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: never.asked)
    run.cancel()
    return len(world.participants.calls)


@pytest.mark.parametrize("method", FORWARD[1:])
async def test_recovery_sends_what_is_in_doubt_and_nothing_before_it(world: EngineWorld, method: str) -> None:
    before = await interrupted(world, method)
    await world.recover()
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert [call.method for call in world.participants.calls[before:]] == FORWARD[FORWARD.index(method) :]
    in_doubt, again = world.participants.of(method)
    assert in_doubt.key == again.key
    assert in_doubt.request == again.request


async def test_an_attempt_after_recovery_has_a_number_of_its_own(world: EngineWorld) -> None:
    await interrupted(world, "ReserveStock")
    await world.recover()
    await world.stopped()
    before, after = world.participants.of("ReserveStock")

    assert before.metadata["traceparent"] != after.metadata["traceparent"]
    (recovered,) = [entry for entry in world.entries() if isinstance(entry, SagaRecovered)]
    assert recovered.owner == "replica-2"


async def test_attempts_that_two_processes_left_behind_have_numbers_of_their_own(world: EngineWorld) -> None:
    await interrupted(world, "ReserveStock")
    never = Answer()
    world.participants.scripts["ReserveStock"] = [never]
    await world.recover()
    await until(lambda: never.asked)
    await world.recover()
    await world.stopped()
    spans = [call.metadata["traceparent"] for call in world.participants.of("ReserveStock")]

    assert len(spans) == len(set(spans)) == 3


async def test_a_journalled_rejection_is_not_asked_for_again(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    before = await interrupted(world, "ReleaseStock")
    await world.recover()
    state = await world.stopped()

    assert state.status is Status.COMPENSATED
    assert [call.method for call in world.participants.calls[before:]] == ["ReleaseStock"]


async def test_a_compensation_in_doubt_is_sent_again_with_its_key_and_a_span_of_its_own(world: EngineWorld) -> None:
    world.participants.scripts["CapturePayment"] = [rejected()]
    await interrupted(world, "ReleaseStock")
    await world.recover()
    await world.stopped()
    before, after = world.participants.of("ReleaseStock")

    assert before.key == after.key
    assert before.metadata["compensates"] == after.metadata["compensates"]
    assert before.metadata["traceparent"] != after.metadata["traceparent"]
    assert len(world.participants.of("CancelShipment")) == 2, "its result would have ridden with the end"
    assert len({call.metadata["traceparent"] for call in world.participants.calls}) == len(world.participants.calls)


def changed(code: Code) -> Definition:
    return saga("trip", version=1)(code)


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


async def test_a_saga_that_was_recovered_is_recovered_again(world_of: Callable[..., EngineWorld]) -> None:
    async def branches(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await asyncio.gather(shop.inventory.ReserveStock(RESERVE), shop.payment.AuthorizePayment(AUTHORIZE))
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.shipping.ArrangeShipment(ARRANGE))  # type: ignore[arg-type]  # in a saga a call is a coroutine
        await shop.payment.CapturePayment(CAPTURE)
        return Receipt()

    world = world_of(changed(branches))
    for method in ("ReserveStock", "ArrangeShipment", "CapturePayment"):
        world.participants.scripts[method].append(Answer())
    run = asyncio.ensure_future(world.process().run())
    for method in ("ReserveStock", "ArrangeShipment", "CapturePayment"):
        await until(partial(world.participants.of, method))
        await world.recover()
    run.cancel()

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_recovered_saga_that_has_ended_leaves_nothing_to_the_garbage_collector(world: EngineWorld) -> None:
    await interrupted(world, "AuthorizePayment")
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await world.recover()
        await world.stopped()
        await turns()
        gc.collect()
        left = {type(each) for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()

    ours = {Executor, CommandIssuer, Forward, StopControl, SagaWriter, SagaState, ReplayGate, ReplayLoop}
    assert not left & ours, "the rest is the world's"


async def test_code_that_asks_the_loop_for_a_later_call_is_recovered(world_of: Callable[..., EngineWorld]) -> None:
    async def limited(order: StartOrderRequest, shop: Shop) -> Receipt:
        async with asyncio.timeout(60):
            await shop.inventory.ReserveStock(RESERVE)
            await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt(order_id=order.customer_id)

    world = world_of(changed(limited))
    await interrupted(world, "AuthorizePayment")
    await world.recover()

    assert (await world.stopped()).status is Status.COMPLETED
    assert world.participants.methods() == ["ReserveStock", "AuthorizePayment", "AuthorizePayment"]


async def test_a_later_call_in_a_recovered_sagas_loop_runs_in_its_context() -> None:
    named: ContextVar[str] = ContextVar("named")
    context = copy_context()
    context.run(named.set, "the saga's")
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    loop = ReplayLoop(asyncio.get_running_loop(), lambda: None)

    loop.call_later(0.0, lambda: seen.set_result(named.get("nobody's")), context=context)

    assert await seen == "the saga's"


@pytest.mark.parametrize("pivoted", [True, False])
async def test_what_is_in_doubt_goes_before_what_is_journalled_after_it_only_past_the_pivot(*, pivoted: bool) -> None:
    """Past it, an operator may have reopened a command without which the code has gone on."""
    state = fold(
        SAGA,
        [
            SagaStarted(1, "trip", 1, b""),
            CommandIntended(2, "Ship#1", "shop.Ship", Effect.RETRYABLE, b""),
            CommandIntended(3, "Tell#1", "shop.Tell", Effect.RETRYABLE, b""),
            CommandCompleted(4, "Tell#1", 1, 3, b""),
        ],
    )
    state.pivoted = pivoted
    gate = ReplayGate(state)
    ends, divergences = list[list[str]](), list[str]()
    gate.at_end, gate.diverge = ends.append, divergences.append
    code = gate.loop.create_task(gate.turn("Ship#1"))
    await turns()
    gate.go_live()
    await turns()

    assert ends == [["Ship#1"]] * pivoted
    assert divergences == ["the code waits for Ship#1; the journal goes on with Tell#1"] * (not pivoted)
    assert code.done()
