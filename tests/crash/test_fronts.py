"""Others answer in a participant's place: after an answer was lost, what they say proves nothing about the effect."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio
import pytest

from saga.v1.saga_pb2 import STEP_STATE_COMPENSATED, STEP_STATE_UNKNOWN
from shop.payment.v1.payment_pb2 import (
    PAYMENT_STATE_AUTHORIZED,
    PAYMENT_STATE_CAPTURED,
    PAYMENT_STATE_VOIDED,
    GetPaymentRequest,
)
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.shipping.v1.shipping_pb2 import SHIPMENT_STATE_CANCELLED, GetShipmentRequest
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub
from tests.crash.balancer import PASS_ON, Balancer
from tests.crash.chaos import going_wrong, killing, misrouting, raining_cancels
from tests.crash.customers import Customers
from tests.crash.fronts import (
    GARBAGE,
    REFUSALS,
    Front,
    Mischief,
    Scripts,
    breaks,
    breaks_when,
    refuses,
    replies,
    swallows,
)
from tests.crash.invariants import if_found
from tests.crash.operator import Operator
from tests.crash.orders import COMPENSATED, COMPLETED, SUSPENDED, draw
from tests.crash.processes import PATIENCE_SECONDS

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from saga.v1.saga_pb2 import StepState
    from shop.order.v1.order_pb2 import Order
    from tests.crash.fronts import Act
    from tests.crash.invariants import Invariants
    from tests.crash.orders import Placed
    from tests.crash.processes import Process
    from tests.crash.shop import Shop

ALWAYS: Final = 50
"""More often than anybody asks."""
NO_PAYMENT: Final = None
LOST_THEN_REFUSED: Final[list[tuple[Act, ...]]] = [(breaks, refuses(code)) for code in REFUSALS]
NOTHING: Final[list[tuple[Act, ...]]] = [()]
NO_REPLIES: Final = [(replies(content),) * ALWAYS for content in (b"", GARBAGE)]
"""OK, and nothing or nonsense with it."""
drops: Final = refuses(grpc.StatusCode.UNAVAILABLE)
DURING: Final = pytest.mark.parametrize("during", ["nothing_else_happens", "orchestrator_is_killed", "cancelled"])


@dataclass
class Stage:
    """An orchestrator behind fronts, with its customers and its operator."""

    orchestrator: Process
    fronts: dict[str, Front]
    customers: Customers
    operator: Operator

    @property
    def seen(self) -> list[Order]:
        """The orders as their customers saw them last."""
        return [placed.seen for placed in self.customers.placed if placed.seen]

    async def resume_and_follow(self) -> None:
        """The operator resumes what is suspended until nothing is; each order is seen to its end."""
        for placed in self.customers.placed:
            placed.operated = True
        async with asyncio.timeout(PATIENCE_SECONDS), going_wrong(self.operator.resuming()):
            await asyncio.gather(*map(self.customers.follow, self.customers.placed))


@asynccontextmanager
async def stage(shop: Shop, folder: Path, choices: dict[str, Scripts], **environment: str) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        fronts = {
            name: await stack.enter_async_context(Front(shop.services[name].address, choice))
            for name, choice in choices.items()
        }
        orchestrator = shop.orchestrator(folder, instead={name: front.address for name, front in fronts.items()})
        await orchestrator.restart(**environment)
        customers = await stack.enter_async_context(Customers(orchestrator.address, patience=0))
        operator = await stack.enter_async_context(Operator(orchestrator.address))
        yield Stage(orchestrator, fronts, customers, operator)


async def payments_of(shop: Shop, orders: Sequence[Placed]) -> list[int | None]:
    """What the payment service says of the payments of these orders: their states."""
    async with shop.channel("payment") as channel:
        return [await payment_of(channel, order) for order in orders]


async def payment_of(channel: grpc.aio.Channel, order: Placed) -> int | None:
    request = GetPaymentRequest(order_id=order.order_id)
    found = await if_found(PaymentServiceStub(channel).GetPayment(request, timeout=10))
    return found.payment.state if found else NO_PAYMENT


async def hold_taken(shop: Shop, order: Placed) -> None:
    """Wait until the payment service has the hold in its books, whatever it has answered."""
    async with asyncio.timeout(PATIENCE_SECONDS), shop.channel("payment") as channel:
        while await payment_of(channel, order) != PAYMENT_STATE_AUTHORIZED:  # noqa: ASYNC110 - the service tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def another_service_in_place_of(payment: Process, shop: Shop, folder: Path) -> AsyncIterator[None]:
    """The payment service dies, and within the block another one listens at its address; then it comes back."""
    payment.kill()
    wrong = shop.stand_in("fraud", at=payment.address, folder=folder / "wrong")
    try:
        await wrong.restart()
        yield
    finally:
        wrong.kill()
    await payment.restart()


def steps_of(order: Order, method: str) -> list[StepState.ValueType]:
    return [step.state for step in order.steps if step.method.endswith(f".{method}") and step.key]


async def test_what_is_refused_after_its_answer_was_lost_is_compensated_whatever_refuses_it(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    # The first five orders end at the inventory, the next at the payment, the last at the shipping.
    one_each = len(REFUSALS)
    choices = {
        "inventory": Scripts({"ReserveStock": LOST_THEN_REFUSED + NOTHING * one_each * 2}),
        "payment": Scripts({"AuthorizePayment": LOST_THEN_REFUSED + NOTHING * one_each}),
        "shipping": Scripts({"ArrangeShipment": LOST_THEN_REFUSED}),
    }
    async with stage(shop, tmp_path, choices) as story:
        orders = draw(chance, one_each * 3, run=run, kinds=("good",))
        await story.customers.order_all(orders)
        assert {(order.status, order.reason.code) for order in story.seen} == {(COMPENSATED, "UNKNOWN")}
        for name, method in (("inventory", "ReserveStock"), ("payment", "AuthorizePayment")):
            assert story.fronts[name].interfered == {method: one_each * 2}
        # Also the holds whose answers were lost: they were there, and are lifted.
        states = Counter(await payments_of(shop, orders))
        assert states == {NO_PAYMENT: one_each, PAYMENT_STATE_VOIDED: one_each * 2}
        assert await invariants.broken(story.customers, fronted=True) == []


async def test_a_pivot_that_others_answer_for_after_doubt_is_verified_and_never_rolled_back(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    never_arrived = [(drops, refuses(code)) for code in REFUSALS]
    scripts = LOST_THEN_REFUSED + never_arrived + NO_REPLIES
    async with stage(shop, tmp_path, {"payment": Scripts({"CapturePayment": scripts})}) as story:
        orders = draw(chance, len(scripts), run=run, kinds=("good",))
        await story.customers.order_all(orders)
        assert {order.status for order in story.seen} == {COMPLETED}
        assert set(await payments_of(shop, orders)) == {PAYMENT_STATE_CAPTURED}
        assert await invariants.broken(story.customers) == []


async def test_a_pivot_in_doubt_goes_before_an_operator_where_others_answer_for_its_verify_query_too(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    refused_all_along: list[tuple[Act, ...]] = [(drops, *[refuses(grpc.StatusCode.NOT_FOUND)] * 2)]
    choice = Scripts(
        {
            "CapturePayment": LOST_THEN_REFUSED + refused_all_along,
            # The last one is answered by the payment itself: it has not seen the command.
            "GetPayment": [*((refuses(code),) for code in REFUSALS), *NOTHING],
        }
    )
    async with stage(shop, tmp_path, {"payment": choice}) as story:
        orders = draw(chance, len(REFUSALS), run=run, kinds=("good",))
        await story.customers.order_all(orders)
        never_paid = draw(chance, 1, run=run, kinds=("good",))
        await story.customers.order_all(never_paid)
        assert {(order.status, order.reason.code) for order in story.seen} == {(SUSPENDED, "UNKNOWN")}
        assert set(await payments_of(shop, orders)) == {PAYMENT_STATE_CAPTURED}
        assert await payments_of(shop, never_paid) == [PAYMENT_STATE_AUTHORIZED]
        await asyncio.gather(*map(story.customers.cancel, story.customers.placed))
        assert {order.refusal for order in story.customers.placed} == {"PIVOT_IN_DOUBT"}

        await story.resume_and_follow()
        assert {order.status for order in story.seen} == {COMPLETED}
        assert await invariants.broken(story.customers) == []


async def test_what_can_only_go_forward_is_sent_again_and_best_effort_given_up_when_others_answer_after_doubt(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    stubborn = [(breaks, *[refuses(code)] * 3) for code in REFUSALS]
    choices = {
        "email": Scripts({"SendConfirmation": stubborn}),
        "warehouse": Scripts({"FulfilOrder": stubborn}),
        "rewards": Scripts({"CreditPoints": stubborn}),
        "analytics": Scripts({"RecordOrder": stubborn}),
    }
    async with stage(shop, tmp_path, choices) as story:
        await story.customers.order_all(draw(chance, len(REFUSALS), run=run, kinds=("member",)))
        assert {order.status for order in story.seen} == {COMPLETED}
        assert all(steps_of(order, "RecordOrder") == [STEP_STATE_UNKNOWN] for order in story.seen)
        assert await invariants.broken(story.customers) == []


async def test_what_others_refuse_at_once_after_the_pivot_waits_for_an_operator_and_completes(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    at_once = [(refuses(code),) for code in REFUSALS]
    async with stage(shop, tmp_path, {"warehouse": Scripts({"FulfilOrder": at_once})}) as story:
        await story.customers.order_all(draw(chance, len(REFUSALS), run=run, kinds=("good",)))
        assert {(order.status, order.reason.code) for order in story.seen} == {(SUSPENDED, "REJECTED_AFTER_PIVOT")}
        await story.resume_and_follow()
        assert await invariants.broken(story.customers) == []


async def test_a_parcel_of_which_no_usable_reply_tells_is_called_back_and_nothing_is_paid(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    async with stage(shop, tmp_path, {"shipping": Scripts({"ArrangeShipment": NO_REPLIES})}) as story:
        orders = draw(chance, len(NO_REPLIES), run=run, kinds=("good",))
        await story.customers.order_all(orders)
        assert {(order.status, order.reason.code) for order in story.seen} == {(COMPENSATED, "UNKNOWN")}
        assert all(steps_of(order, "ArrangeShipment") == [STEP_STATE_COMPENSATED] for order in story.seen)
        assert set(await payments_of(shop, orders)) == {PAYMENT_STATE_VOIDED}
        async with shop.channel("shipping") as channel:
            for order in orders:
                request = GetShipmentRequest(order_id=order.order_id)
                shown = await ShippingServiceStub(channel).GetShipment(request, timeout=10)
                assert shown.shipment.state == SHIPMENT_STATE_CANCELLED
        assert await invariants.broken(story.customers, fronted=True) == []


@DURING
async def test_a_hold_is_lifted_although_another_service_answered_when_it_was_in_doubt_and(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, during: str
) -> None:
    async with stage(shop, tmp_path, {}) as story:
        (order,) = draw(chance, 1, run=run, kinds=("good",))
        order.request.card_token = "tok_slow"
        ending = asyncio.ensure_future(story.customers.order_all([order]))
        await story.customers.have_placed(1)
        await hold_taken(shop, order)
        async with another_service_in_place_of(shop.services["payment"], shop, tmp_path):
            await happen(during, story, order)
            await ending
            assert order.seen is not None
            # No participant is there to lift the hold; so it is not said to be lifted.
            assert (order.seen.status, order.seen.reason.code) == (SUSPENDED, "COMPENSATION_REJECTED")
        assert await payments_of(shop, [order]) == [PAYMENT_STATE_AUTHORIZED]
        await story.resume_and_follow()
        assert order.seen.status == COMPENSATED
        assert await payments_of(shop, [order]) == [PAYMENT_STATE_VOIDED]
        assert await invariants.broken(story.customers, fronted=True) == []


@DURING
async def test_money_that_was_taken_is_not_given_up_when_another_service_answers_for_the_capture_and(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, during: str
) -> None:
    gone = asyncio.Event()
    async with stage(shop, tmp_path, {"payment": Scripts({"CapturePayment": [(breaks_when(gone),)]})}) as story:
        (order,) = draw(chance, 1, run=run, kinds=("good",))
        ending = asyncio.ensure_future(story.customers.order_all([order]))
        await story.fronts["payment"].have_interfered("CapturePayment", 1)
        await story.customers.have_placed(1)
        async with another_service_in_place_of(shop.services["payment"], shop, tmp_path):
            gone.set()
            await happen(during, story, order)
            await ending
            assert order.seen is not None
            assert (order.seen.status, order.seen.reason.code) == (SUSPENDED, "UNKNOWN")
        assert await payments_of(shop, [order]) == [PAYMENT_STATE_CAPTURED]
        await story.resume_and_follow()
        assert order.seen.status == COMPLETED
        assert not order.cancelled
        assert await invariants.broken(story.customers, fronted=True) == []


async def happen(during: str, story: Stage, order: Placed) -> None:
    match during:
        case "orchestrator_is_killed":
            story.orchestrator.kill()
            await story.orchestrator.restart(ORCHESTRATOR_DRIFT_CHECK="false")
        case "cancelled":
            await story.customers.cancel(order)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_load_balancer_that_answers_http_settles_neither_a_hold_nor_a_capture(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, status: int
) -> None:
    choice = Scripts({"AuthorizePayment": [(swallows,), ()], "CapturePayment": [(swallows,)]})
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(Front(shop.services["payment"].address, choice))
        balancer = await stack.enter_async_context(Balancer(front.address, chance))
        orchestrator = shop.orchestrator(tmp_path, instead={"payment": balancer.address})
        await orchestrator.restart()
        customers = await stack.enter_async_context(Customers(orchestrator.address, patience=0))
        operator = await stack.enter_async_context(Operator(orchestrator.address))
        story = Stage(orchestrator, {"payment": front}, customers, operator)
        orders = draw(chance, 2, run=run, kinds=("good",))
        ending = asyncio.ensure_future(customers.order_all(orders))
        await front.have_interfered("AuthorizePayment", 1)
        await front.have_interfered("CapturePayment", 1)
        balancer.turn(status)
        await ending
        reasons = sorted((order.status, order.reason.code) for order in story.seen)
        assert reasons == [(SUSPENDED, "COMPENSATION_REJECTED"), (SUSPENDED, "UNKNOWN")]
        assert balancer.answered
        balancer.turn(PASS_ON)
        await story.resume_and_follow()
        states = {
            order.seen.status: state
            for order, state in zip(orders, await payments_of(shop, orders), strict=True)
            if order.seen
        }
        assert states == {COMPENSATED: PAYMENT_STATE_VOIDED, COMPLETED: PAYMENT_STATE_CAPTURED}
        assert await invariants.broken(customers, fronted=True) == []


@pytest.mark.parametrize("moment", ["intended:9", "answered:11", "rollback_began:1", "compensated:2"])
async def test_orders_whose_doubts_others_answer_survive_that_the_orchestrator_kills_itself_where_it(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, moment: str
) -> None:
    choices = {
        "inventory": Scripts({"ReserveStock": [*LOST_THEN_REFUSED[:1], (), (), ()]}),
        "payment": Scripts(
            {
                "AuthorizePayment": [*LOST_THEN_REFUSED[1:2], (), ()],
                "CapturePayment": [*LOST_THEN_REFUSED[2:3], (breaks, *[refuses(grpc.StatusCode.NOT_FOUND)] * 3)],
            }
        ),
    }
    async with stage(shop, tmp_path, choices, ORCHESTRATOR_FAILPOINTS=moment) as story:
        orders = draw(chance, 4, run=run, kinds=("good", "member"))
        everything = asyncio.ensure_future(story.customers.order_all(orders))
        assert await story.orchestrator.ended() == -signal.SIGKILL
        await story.orchestrator.restart(ORCHESTRATOR_DRIFT_CHECK="false")
        await everything
        await story.resume_and_follow()
        assert await invariants.broken(story.customers, fronted=True) == []


async def test_everything_balances_where_others_answer_at_random_while_all_else_goes_wrong_too(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        fronts, balancers = {}, {}
        for name in ("inventory", "payment", "shipping"):
            front = Front(shop.services[name].address, Mischief(chance, share=0.15))
            fronts[name] = await stack.enter_async_context(front)
            balancers[name] = await stack.enter_async_context(Balancer(front.address, chance))
        instead = {name: balancer.address for name, balancer in balancers.items()}
        orchestrator = shop.orchestrator(tmp_path, instead=instead)
        await orchestrator.restart()
        customers = await stack.enter_async_context(Customers(orchestrator.address, in_flight=16, operated=True))
        operator = await stack.enter_async_context(Operator(orchestrator.address))
        troubles = (
            operator.resuming(),
            raining_cancels(chance, customers, pause=0.5),
            misrouting(chance, list(balancers.values()), seconds=0.3, pause=1.0),
            killing(chance, [orchestrator], times=2),
            killing(chance, [shop.services[name] for name in balancers], times=2),
        )
        async with going_wrong(*troubles):
            await customers.order_all(draw(chance, 45, run=run))
        assert any(front.interfered for front in fronts.values())
        assert await invariants.broken(customers, fronted=True) == []
