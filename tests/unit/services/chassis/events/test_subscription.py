"""What a subscription hears has its effect once, in the order of what it is about, whatever the stream does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from sqlalchemy import Connection, text

from services.chassis.database import Database
from services.chassis.errors import Rejection, Unavailable
from services.chassis.event import Event
from services.chassis.events import inbox, subscribes
from services.chassis.events.broker import Wanted
from services.chassis.events.claims import LEASE, Claim, ClaimLost
from services.chassis.events.handlers import handlers_of
from services.chassis.events.handling import ATTEMPTS, MOST_DELIVERIES, Handling, Surroundings
from services.chassis.events.inbox import DeadLetter
from services.chassis.events.subscription import MOST_HELD, Subscription
from services.chassis.events.traffic import BEGINNING
from services.chassis.timestamps import utc_now
from shop.order.v1.events_pb2 import OrderPlaced
from tests.support.event_streams import MemoryBroker, MemoryFeed, Pauses, until


def event(number: int, order_id: str = "order-1", *, provisional: bool = False) -> Event:
    data = OrderPlaced(order_id=order_id, customer_id=f"customer-{number}").SerializeToString()
    about = f"{number:032x}", "/sagas/place_order", "shop.order.v1.OrderPlaced", order_id
    return Event(*about, utc_now(), data, provisional=provisional)


@dataclass
class Listener:
    """Keeps in its database what it has heard; the effect of an event is its customer."""

    fails: Callable[[OrderPlaced], None] = lambda _placed: None
    tried: list[str] = field(default_factory=list)

    @subscribes
    def hear(self, placed: OrderPlaced, connection: Connection) -> None:
        self.tried.append(placed.customer_id)
        row = {"customer": placed.customer_id, "order": placed.order_id}
        connection.execute(text("INSERT INTO heard VALUES (:customer, :order)"), row)
        self.fails(placed)


@pytest.fixture
async def listener(database: Database) -> Listener:
    def prepare(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE heard (customer TEXT PRIMARY KEY, about TEXT)"))

    await database.transaction(prepare)
    return Listener()


@pytest.fixture
def feed(broker: MemoryBroker) -> MemoryFeed:
    return broker.feed(Wanted("test-hear", ["shop.order.v1.OrderPlaced"], BEGINNING))


@asynccontextmanager
async def hearing(listener: Listener, feed: MemoryFeed, around: Surroundings) -> AsyncIterator[asyncio.Task[object]]:
    (handler,) = handlers_of(listener)
    subscription = Subscription(feed, Handling(handler, around), pause=around.pause)
    running = asyncio.create_task(subscription.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait((running,))


async def heard(database: Database) -> list[str]:
    """Whose events have had their effect, in order."""

    def read(connection: Connection) -> list[str]:
        return [str(row[0]) for row in connection.execute(text("SELECT customer FROM heard ORDER BY rowid"))]

    return await database.read(read)


async def letters(database: Database) -> list[DeadLetter]:
    return await database.read(inbox.dead_letters)


def put(broker: MemoryBroker, *events: Event) -> None:
    for each in events:
        broker.put(each.headers(), each.data)


async def test_an_event_that_is_delivered_twice_has_its_effect_once(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    put(broker, event(1), event(2))
    async with hearing(listener, feed, around):
        await feed.all_settled()
        feed.settled.clear()
        feed.deliver_again(0, 1)
        await feed.all_settled()
    assert await heard(database) == ["customer-1", "customer-2"]
    assert listener.tried == ["customer-1", "customer-2"]


async def test_an_effect_that_fails_leaves_no_record_and_is_made_at_the_next_attempt(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings, pauses: Pauses
) -> None:
    def fail_twice(_placed: OrderPlaced) -> None:
        if len(listener.tried) < 3:
            raise RuntimeError("unforeseen")

    listener.fails = fail_twice
    put(broker, event(1))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    assert await heard(database) == ["customer-1"]
    assert pauses.made == [0.1, 0.2]


async def test_an_event_that_fails_unforeseen_some_times_is_a_dead_letter(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    def fail(placed: OrderPlaced) -> None:
        if placed.customer_id == "customer-1":
            raise RuntimeError("unforeseen")

    listener.fails = fail
    put(broker, event(1), event(2))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    assert listener.tried == ["customer-1"] * ATTEMPTS + ["customer-2"]
    assert await heard(database) == ["customer-2"]
    (letter,) = await letters(database)
    assert (letter.event_id, letter.attempts, letter.reason) == (event(1).id, ATTEMPTS, "RuntimeError: unforeseen")


async def test_a_rejection_is_a_dead_letter_at_once(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings, pauses: Pauses
) -> None:
    def refuse(_placed: OrderPlaced) -> None:
        raise Rejection("NOT_A_MEMBER", "she is no member")

    listener.fails = refuse
    put(broker, event(1))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    (letter,) = await letters(database)
    assert letter.reason == "Rejection: she is no member"
    assert not pauses.made
    assert await heard(database) == []


async def test_a_passing_failure_is_never_a_dead_letter(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    def fail(_placed: OrderPlaced) -> None:
        if len(listener.tried) < 20 * ATTEMPTS:
            raise Unavailable("the mail server is away")

    listener.fails = fail
    put(broker, event(1))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    assert await heard(database) == ["customer-1"]
    assert await letters(database) == []


async def test_later_events_about_a_thing_wait_for_the_failing_one_and_those_about_others_do_not(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    def fail(placed: OrderPlaced) -> None:
        if placed.customer_id == "customer-1" and "customer-3" not in listener.tried:
            raise Unavailable("not yet")

    listener.fails = fail
    put(broker, event(1), event(2), event(3, "order-2"))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    assert await heard(database) == ["customer-3", "customer-1", "customer-2"]


async def test_after_a_start_nothing_is_handled_before_all_that_was_unsettled_has_come_again(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    put(broker, event(1), event(2))
    await feed.fetch(2)  # a process that has died
    broker.new_first = True
    put(broker, event(3))
    async with hearing(listener, feed, around):
        await until(lambda: len(feed.pending) == 3)
        feed.deliver_again(1, 0)
        await feed.all_settled()
    assert await heard(database) == ["customer-1", "customer-2", "customer-3"]


async def test_what_cannot_be_read_is_a_dead_letter_and_holds_up_nothing(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    broker.put({"ce-id": "1"}, b"")
    broker.put(event(2).headers(), b"\xff\xff")
    broker.put(event(3).headers() | {"ce-id": "a%00b"}, event(3).data)
    put(broker, event(4))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    assert await heard(database) == ["customer-4"]
    assert {letter.event_id for letter in await letters(database)} == {event(2).id, "place 0", "place 2"}


async def test_an_event_that_ends_each_process_is_a_dead_letter_after_so_many_deliveries(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    put(broker, event(1))
    for _ in range(MOST_DELIVERIES):
        await feed.fetch(1)
        feed.deliver_again()
    async with hearing(listener, feed, around):
        await feed.all_settled()
    assert not listener.tried
    (letter,) = await letters(database)
    assert str(MOST_DELIVERIES + 1) in letter.reason


async def test_a_provisional_event_is_not_heard_unless_somebody_asks_for_it(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    put(broker, event(1, provisional=True), event(2))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    assert await heard(database) == ["customer-2"]


async def test_a_dead_letter_that_somebody_asks_for_has_its_effect_once(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    def refuse(_placed: OrderPlaced) -> None:
        raise Rejection("NOT_YET", "not yet")

    listener.fails = refuse
    put(broker, event(1))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    listener.fails = lambda _placed: None
    assert await database.transaction(inbox.ask_for_retry) == 1
    async with hearing(listener, feed, around):
        await until(lambda: len(listener.tried) == 2)
        feed.settled.clear()
        feed.deliver_again(0)
        await feed.all_settled()
    assert await heard(database) == ["customer-1"]
    assert await letters(database) == []


async def test_a_dead_letter_that_fails_again_says_why_and_is_not_tried_until_somebody_asks(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    def refuse(_placed: OrderPlaced) -> None:
        raise Rejection("NO", f"refused {len(listener.tried)} times")

    listener.fails = refuse
    put(broker, event(1))
    async with hearing(listener, feed, around):
        await feed.all_settled()
    await database.transaction(partial(inbox.ask_for_retry, event_id=event(1).id))
    (handler,) = handlers_of(listener)
    handling = Handling(handler, around)
    assert await handling.retry_asked()
    assert not await handling.retry_asked()
    (letter,) = await letters(database)
    assert (letter.reason, letter.attempts) == ("Rejection: refused 2 times", 2)


async def test_an_event_is_not_handled_by_a_process_whose_claim_another_one_has_taken(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    later = utc_now() + 2 * LEASE
    assert await Claim(database, lambda: later).take()
    put(broker, event(1))
    async with hearing(listener, feed, around) as running:
        with pytest.raises(ExceptionGroup) as raised:
            await running
    assert raised.group_contains(ClaimLost)
    assert await heard(database) == []
    assert not feed.settled


async def test_no_more_is_held_than_there_is_room_for(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings
) -> None:
    released = asyncio.Event()

    def wait(_placed: OrderPlaced) -> None:
        if not released.is_set():
            raise Unavailable("not yet")

    listener.fails = wait
    put(broker, *(event(number, f"order-{number}") for number in range(MOST_HELD + 20)))
    async with hearing(listener, feed, around):
        await until(lambda: len(listener.tried) >= 2 * MOST_HELD)
        assert len(feed.pending) == MOST_HELD
        released.set()
        await feed.all_settled()
    assert len(await heard(database)) == MOST_HELD + 20


async def test_the_broker_is_asked_again_when_it_has_come_back(
    database: Database, broker: MemoryBroker, listener: Listener, feed: MemoryFeed, around: Surroundings, pauses: Pauses
) -> None:
    broker.away = True
    async with hearing(listener, feed, around):
        await until(lambda: len(pauses.made) >= 3)
        broker.away = False
        put(broker, event(1))
        await feed.all_settled()
    assert await heard(database) == ["customer-1"]
