"""A subscriber starts a saga once for each event, under the id of the event."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from google.protobuf.message import Message
from sqlalchemy import Connection

from services.chassis.database import Database
from services.chassis.errors import Rejection, Unavailable
from services.chassis.event import Event
from services.chassis.events import inbox, starts, subscribes
from services.chassis.events.broker import Wanted
from services.chassis.events.handlers import handlers_of
from services.chassis.events.handling import Handling, Surroundings, request_id
from services.chassis.events.subscription import Subscription
from services.chassis.events.traffic import BEGINNING
from services.chassis.timestamps import utc_now
from shop.loyalty.v1.events_pb2 import GiftRequest, StampCardFilled
from shop.order.v1.events_pb2 import OrderPlaced
from tests.support.event_streams import MemoryBroker, MemoryFeed

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def filled(number: int, card: int = 1) -> Event:
    message = StampCardFilled(customer_id="ada", card=card)
    return Event(
        f"{number:032x}",
        "shop.loyalty.v1.LoyaltyService",
        message.DESCRIPTOR.full_name,
        "ada",
        utc_now(),
        message.SerializeToString(),
        traceparent=TRACEPARENT,
    )


class Campaign:
    """Starts a saga for each card but the second."""

    @starts("set_gift_aside")
    def give(self, card: StampCardFilled) -> GiftRequest | None:
        return None if card.card == 2 else GiftRequest(customer_id=card.customer_id, card=card.card)


@dataclass
class Orchestrator:
    """Keeps what it is asked to start, and answers with these errors first."""

    errors: list[Exception] = field(default_factory=list)
    asked: list[tuple[str, Message, str, str]] = field(default_factory=list)

    async def start(self, definition: str, saga_input: Message, request: str, traceparent: str) -> None:
        self.asked.append((definition, saga_input, request, traceparent))
        if self.errors:
            raise self.errors.pop(0)


async def heard(broker: MemoryBroker, orchestrator: Orchestrator, around: Surroundings, *events: Event) -> MemoryFeed:
    """What is delivered and settled, the last time after everything was delivered twice."""
    for event in events:
        broker.put(event.headers(), event.data)
    feed = broker.feed(Wanted("test-give", ["shop.loyalty.v1.StampCardFilled"], BEGINNING))
    (handler,) = handlers_of(Campaign())
    handling = Handling(handler, replace(around, start=orchestrator.start))
    running = asyncio.create_task(Subscription(feed, handling, pause=around.pause).run())
    await feed.all_settled()
    feed.settled.clear()
    feed.deliver_again(*range(broker.size))
    await feed.all_settled()
    running.cancel()
    await asyncio.wait((running,))
    return feed


async def test_an_event_starts_one_saga_in_its_trace(broker: MemoryBroker, around: Surroundings) -> None:
    orchestrator = Orchestrator()
    await heard(broker, orchestrator, around, filled(1))
    gift = GiftRequest(customer_id="ada", card=1)
    assert orchestrator.asked == [("set_gift_aside", gift, "00000000-0000-0000-0000-000000000001", TRACEPARENT)]


async def test_a_start_whose_answer_is_lost_is_asked_for_again_under_the_same_id(
    broker: MemoryBroker, around: Surroundings, database: Database
) -> None:
    orchestrator = Orchestrator([Unavailable("the answer is lost")])
    await heard(broker, orchestrator, around, filled(1))
    first, second = orchestrator.asked
    assert first == second
    assert await database.read(inbox.dead_letters) == []


async def test_an_event_for_which_no_saga_is_wanted_starts_none(broker: MemoryBroker, around: Surroundings) -> None:
    orchestrator = Orchestrator()
    await heard(broker, orchestrator, around, filled(1, card=2))
    assert orchestrator.asked == []


async def test_a_saga_that_is_refused_for_good_is_a_dead_letter(
    broker: MemoryBroker, around: Surroundings, database: Database
) -> None:
    orchestrator = Orchestrator([Rejection("SAGA_REFUSED", "there is no such saga")])
    await heard(broker, orchestrator, around, filled(1), filled(2))
    assert len(orchestrator.asked) == 2
    (letter,) = await database.read(inbox.dead_letters)
    assert letter.reason == "Rejection: there is no such saga"


def test_the_request_id_is_a_uuid_whatever_the_events_id_is() -> None:
    event = filled(1)
    assert request_id(event) == "00000000-0000-0000-0000-000000000001"
    foreign = replace(event, id="order-1/placed")
    assert request_id(foreign) == request_id(foreign) != request_id(replace(foreign, source="another"))
    assert len(request_id(foreign)) == 36


def test_a_method_hears_the_types_of_its_annotation() -> None:
    class Both:
        @subscribes(provisional=True)
        def hear(self, event: OrderPlaced | StampCardFilled, connection: Connection) -> None: ...

        def other(self, event: OrderPlaced) -> None: ...

    (handler,) = handlers_of(Both())
    assert handler.types == ["shop.order.v1.OrderPlaced", "shop.loyalty.v1.StampCardFilled"]
    assert handler.hears.provisional


def test_an_annotation_that_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError, match="annotate the events' classes themselves"):

        class Wrong:
            @subscribes
            def hear(self, event: str, connection: Connection) -> None: ...
