"""Records golden journals: journals of today that every later version must fold, preview and replay as today's does.

To add one, write its story below, run ``python -m tests.golden.record`` and commit the two files that it makes:
``<name>.json``, the exported journal, and ``<name>.account.json``, what it amounts to. A file that exists is never
written again: a golden journal that no longer fits shows that a promise to sagas under way is being broken. When
place_order gets a new version, its stories go on for the version that they name.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.type.money_pb2 import Money

from orchestrator.journal.actor import Actor
from orchestrator.journal.export import write_journal
from orchestrator.journal.state import Status
from orchestrator.shop.place_order import APPROVAL_LIMIT, place_order, place_order_2
from shop.fraud.v1.fraud_pb2 import VERDICT_ACCEPT, VERDICT_DECLINE, AssessOrderResponse
from shop.inventory.v1.inventory_pb2 import ReservedLine, ReserveStockResponse
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentResponse, CapturePaymentResponse
from shop.pricing.v1.pricing_pb2 import PricedLine, PriceOrderResponse
from shop.product.v1.product_pb2 import CreateOrderResponse, Product
from shop.rewards.v1.rewards_pb2 import Balance, CreditPointsResponse
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentResponse, Shipment
from shop.type.v1.type_pb2 import Address, Line
from tests.golden.account import TELLING, account
from tests.support.engine_world import Answer, EngineWorld, order_of, rejected, turns, unknown, until
from tests.support.waiting_sagas import DAY, decision

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from google.protobuf.message import Message

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.sagas import StartSaga
    from orchestrator.journal.entries import Entry
    from orchestrator.testing.world.queue import VirtualQueue
    from tests.support.engine_world import EngineProcess

    Definition = SagaDefinition[Any, Any, Any]

FOLDER: Final = Path(__file__).parent
ORDER_ID: Final = "0198c0de-0000-7000-8000-000000000001"
TOTAL: Final = Money(currency_code="EUR", units=118, nanos=990000000)
ORDER: Final = StartOrderRequest(
    customer_id="ada",
    email="ada@example.com",
    lines=[Line(sku="KEYBOARD-1", quantity=1), Line(sku="CABLE-2", quantity=3)],
    ship_to=Address(name="Ada", street="12 Mill Lane", city="Dublin", postal_code="D02", country="IE"),
    card_token="tok_golden",
    coupon_codes=["WELCOME"],
    member=True,
)
REPLIES: Final[Mapping[str, Message]] = {
    "CreateOrder": CreateOrderResponse(
        products=[Product(sku="KEYBOARD-1"), Product(sku="CABLE-2")],
        list_total=Money(currency_code="EUR", units=129),
        weight_grams=1450,
    ),
    "AssessOrder": AssessOrderResponse(verdict=VERDICT_ACCEPT, score=12),
    "ReserveStock": ReserveStockResponse(
        lines=[
            ReservedLine(sku="KEYBOARD-1", quantity=1, bin="A-01"),
            ReservedLine(sku="CABLE-2", quantity=3, bin="C-17"),
        ]
    ),
    "PriceOrder": PriceOrderResponse(lines=[PricedLine(sku="KEYBOARD-1"), PricedLine(sku="CABLE-2")], total=TOTAL),
    "AuthorizePayment": AuthorizePaymentResponse(payment_id="pay-1"),
    "ArrangeShipment": ArrangeShipmentResponse(
        shipment=Shipment(shipment_id="shp-1", order_id=ORDER_ID, carrier="An Post", tracking_number="AP123")
    ),
    "CapturePayment": CapturePaymentResponse(payment_id="pay-1"),
    "CreditPoints": CreditPointsResponse(points=118, balance=Balance(customer_id="ada", points=118)),
}


async def run(world: EngineWorld) -> None:
    """The saga from its start to where it comes to rest."""
    await world.process().worker.start(_order(world), wait=1e6)


def _order(world: EngineWorld) -> StartSaga:
    return order_of(world.definitions[0], ORDER, ORDER_ID)._replace(attributes=(("customer_id", "ada"),))


async def parked(world: EngineWorld) -> EngineProcess:
    """A replica that has parked an order above the limit, which waits for an approval."""
    expensive = PriceOrderResponse()
    expensive.MergeFromString(REPLIES["PriceOrder"].SerializeToString())
    expensive.total.units = APPROVAL_LIMIT
    world.participants.replies["PriceOrder"] = expensive
    process = await world.open()
    await process.worker.start(_order(world))
    await until(lambda: world.state(ORDER_ID).status is Status.WAITING and ORDER_ID not in process.worker.live)
    return process


async def approved(world: EngineWorld) -> None:
    """Somebody approves the order, on another replica than the one that has parked it."""
    await parked(world)
    process = await world.recover()
    await process.sagas.signal(ORDER_ID, decision())
    await world.stopped(ORDER_ID)


async def not_approved(world: EngineWorld) -> None:
    """Somebody says no."""
    process = await parked(world)
    await process.sagas.signal(ORDER_ID, decision(approved=False))
    await world.stopped(ORDER_ID)


async def approved_too_late(world: EngineWorld) -> None:
    """Nobody says anything for a day."""
    await parked(world)
    world.clock.advance(DAY + 1)
    await world.stopped(ORDER_ID)


async def cancelled_while_it_waited(world: EngineWorld) -> None:
    """The customer cancels an order that waits for its approval."""
    process = await parked(world)
    await process.acts.cancel(ORDER_ID, "changed her mind", Actor("ada"))
    await world.stopped(ORDER_ID)


async def queued(world: EngineWorld) -> tuple[EngineProcess, VirtualQueue]:
    """A replica that has parked an order whose payment waits in a queue: the participants have just gone away."""
    queue = world.by_queue()
    priced = Answer()
    world.participants.scripts["PriceOrder"] = [priced]
    process = await world.open()
    await process.worker.start(_order(world))
    await until(lambda: priced.asked)
    queue.go_away()
    priced.give()
    while world.state(ORDER_ID).status is not Status.WAITING or ORDER_ID in process.worker.live:
        await turns()
        world.clock.advance(1.0)
    return process, queue


async def answered_by_a_queue(world: EngineWorld) -> None:
    """The participants come back after a while, and the order goes on on another replica."""
    _, queue = await queued(world)
    await world.recover()
    world.clock.advance(600)
    queue.come_back()
    await world.stopped(ORDER_ID)


async def cancelled_while_it_was_queued(world: EngineWorld) -> None:
    """The customer cancels while the payment waits in a queue: whether it took effect is in doubt."""
    process, queue = await queued(world)
    await process.acts.cancel(ORDER_ID, "changed her mind", Actor("ada"))
    queue.come_back()
    await world.stopped(ORDER_ID)


async def completed(world: EngineWorld) -> None:
    """Everything goes well."""
    await run(world)


async def suspected(world: EngineWorld) -> None:
    """The saga's own code gives up."""
    world.participants.replies["AssessOrder"] = AssessOrderResponse(
        verdict=VERDICT_DECLINE, score=97, reasons=["VELOCITY"]
    )
    await run(world)


async def declined(world: EngineWorld) -> None:
    """The card is declined."""
    world.participants.scripts["AuthorizePayment"] = [rejected(reason="CARD_DECLINED")]
    await run(world)


async def not_shipped(world: EngineWorld) -> None:
    """No carrier takes the parcel; the first compensation needs a second attempt."""
    world.participants.scripts["ArrangeShipment"] = [rejected(reason="NO_CARRIER")]
    world.participants.scripts["VoidAuthorization"] = [unknown()]
    await run(world)


async def cancelled(world: EngineWorld) -> None:
    """The customer cancels while the parcel is being arranged."""
    answer = Answer()
    world.participants.scripts["ArrangeShipment"] = [answer]
    started = asyncio.ensure_future(run(world))
    await until(lambda: answer.asked)
    cancel = world.processes[0].acts.cancel(ORDER_ID, "changed her mind", Actor("ada"))
    cancelling = asyncio.ensure_future(cancel)
    await turns()
    answer.give()
    await cancelling
    await started


async def recovered(world: EngineWorld) -> None:
    """The process dies while the payment is being authorized; the next one carries on."""
    never = Answer()
    world.participants.scripts["AuthorizePayment"] = [never]
    started = asyncio.ensure_future(run(world))
    await until(lambda: never.asked)
    started.cancel()
    await world.recover()
    await world.stopped(ORDER_ID)


async def retried(world: EngineWorld) -> None:
    """Answers get lost, before and after the pivot; analytics is done without."""
    world.participants.scripts["AuthorizePayment"] = [unknown(), unknown("UNAVAILABLE")]
    world.participants.scripts["CapturePayment"] = [unknown()]
    world.participants.scripts["RecordOrder"] = [unknown(), unknown()]
    await run(world)


async def stopped_after_pivot(world: EngineWorld) -> None:
    """The warehouse refuses what can only go forward: an operator must decide."""
    world.participants.scripts["FulfilOrder"] = [rejected(reason="BIN_EMPTY")]
    await run(world)


async def undone_by_hand(world: EngineWorld) -> None:
    """Somebody else refuses the payment after doubt; to take it back is refused, too, for it was done by hand."""
    world.participants.scripts["AuthorizePayment"] = [unknown(), rejected("UNIMPLEMENTED", "")]
    world.participants.scripts["VoidAuthorization"] = [rejected("NOT_FOUND", "NO_SUCH_PAYMENT")]
    await run(world)
    acts = world.processes[0].acts
    await acts.resolve_compensation(ORDER_ID, "PaymentService.AuthorizePayment", "voided by hand", Actor("ada"))
    await acts.resume(ORDER_ID, "go on", Actor("ada"))
    await world.stopped(ORDER_ID)


STORIES: Final[tuple[Callable[[EngineWorld], Awaitable[None]], ...]] = (
    completed,
    suspected,
    declined,
    not_shipped,
    cancelled,
    recovered,
    retried,
    stopped_after_pivot,
    undone_by_hand,
)


STORIES_2: Final[tuple[Callable[[EngineWorld], Awaitable[None]], ...]] = (
    completed,
    approved,
    not_approved,
    approved_too_late,
    cancelled_while_it_waited,
    answered_by_a_queue,
    cancelled_while_it_was_queued,
)
"""Those of version 2, in which an order may wait for its approval; and over a queue, for a participant."""


STORIES_OF_EVENTS: Final[tuple[Callable[[EngineWorld], Awaitable[None]], ...]] = (completed, declined)
"""Those of a saga that publishes, as its children do."""


async def entries_of(*definitions: Definition, story: Callable[[EngineWorld], Awaitable[None]]) -> list[Entry]:
    """The journal of a story of a version of the saga, which comes before its children."""
    world = EngineWorld(*definitions)
    world.participants.replies.update(REPLIES)
    await story(world)
    world.check_promises()
    entries = world.entries(ORDER_ID)
    await world.end()
    return entries


def main() -> None:
    """Write what is not there."""
    stories: list[tuple[tuple[Definition, ...], Callable[[EngineWorld], Awaitable[None]]]] = [
        *(((place_order,), story) for story in STORIES),
        *(((place_order_2,), story) for story in STORIES_2),
        *((TELLING, story) for story in STORIES_OF_EVENTS),
    ]
    for definitions, story in stories:
        name = f"{definitions[0].name}_v{definitions[0].version}_{story.__name__}"
        if (FOLDER / f"{name}.json").exists():
            continue
        entries = asyncio.run(entries_of(*definitions, story=story))
        told = json.dumps(account(ORDER_ID, entries), indent=2, ensure_ascii=False) + "\n"
        for file, text in ((f"{name}.json", write_journal(ORDER_ID, entries)), (f"{name}.account.json", told)):
            with (FOLDER / file).open("x", encoding="utf-8") as out:
                out.write(text)


if __name__ == "__main__":
    main()
