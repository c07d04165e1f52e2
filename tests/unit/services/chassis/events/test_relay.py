"""What waits in the outbox reaches the broker, in order, whatever the broker does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from services.chassis.events.broker import BrokerAway
from services.chassis.events.causes import Cause, current_cause, during
from services.chassis.events.outbox import publish, resend, unsent
from services.chassis.events.relay import KEPT, LATE, Relay
from services.chassis.timestamps import utc_now
from shop.order.v1.events_pb2 import OrderPlaced
from tests.support.event_streams import until

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from services.chassis.database import Database
    from services.chassis.event import Event
    from tests.support.event_streams import MemoryBroker, Pauses


async def told(database: Database, order_id: str, key: str | None = None, cause: Cause | None = None) -> str:
    """Publishes one event in a transaction of its own; its id."""

    def work(connection: Connection) -> str:
        with during((cause or Cause("shop.test.v1.TestService")).for_(key, "")):
            return publish(connection, OrderPlaced(order_id=order_id), about=order_id)

    return await database.transaction(work)


@pytest.fixture
async def relay(database: Database, broker: MemoryBroker, pauses: Pauses) -> Relay:
    return Relay(database, broker, pause=pauses)


async def test_what_is_committed_is_sent_once(database: Database, broker: MemoryBroker, relay: Relay) -> None:
    ids = [await told(database, f"order-{number}") for number in range(3)]
    assert await relay.send_waiting() == 3
    assert await relay.send_waiting() == 0
    assert sorted(broker.sent) == sorted(ids)


async def test_what_is_rolled_back_is_never_sent(database: Database, broker: MemoryBroker, relay: Relay) -> None:
    def work(connection: Connection) -> None:
        with during(Cause("shop.test.v1.TestService")):
            publish(connection, OrderPlaced(order_id="order-1"), about="order-1")
        raise RuntimeError("the business change fails after the event was published")

    with pytest.raises(RuntimeError):
        await database.transaction(work)
    assert await relay.send_waiting() == 0
    assert not broker.sent


async def test_an_event_whose_answer_is_lost_is_sent_again_with_the_same_id(
    database: Database, broker: MemoryBroker, relay: Relay
) -> None:
    event_id = await told(database, "order-1")

    def lose(_event: Event) -> None:
        broker.after = lambda _event: None
        raise BrokerAway("the answer is lost")

    broker.after = lose
    with pytest.raises(BrokerAway):
        await relay.send_waiting()
    await relay.send_waiting()
    assert broker.sent == [event_id, event_id]
    assert broker.ids == [event_id]


async def test_later_events_about_a_thing_wait_for_the_earlier_and_those_about_others_do_not(
    database: Database, broker: MemoryBroker, relay: Relay
) -> None:
    first, second = await told(database, "order-1"), await told(database, "order-1")
    other = await told(database, "order-2")

    def refuse(event: Event) -> None:
        if event.id == first:
            raise BrokerAway("not this one")

    broker.before = refuse
    with pytest.raises(BrokerAway):
        await relay.send_waiting()
    assert broker.ids == [other]
    broker.before = lambda _event: None
    await relay.send_waiting()
    assert broker.ids == [other, first, second]


async def test_a_relay_that_died_before_it_marked_what_it_sent_sends_it_again(
    database: Database, broker: MemoryBroker, relay: Relay, pauses: Pauses
) -> None:
    event_id = await told(database, "order-1")
    for waiting in await database.read(partial(unsent, most=10)):
        await broker.send(waiting.event)
    assert await Relay(database, broker, pause=pauses).send_waiting() == 1
    assert broker.sent == [event_id, event_id]
    assert await relay.send_waiting() == 0


async def test_a_relay_waits_longer_each_time_the_broker_is_away_and_goes_on_when_it_is_back(
    database: Database, broker: MemoryBroker, relay: Relay, pauses: Pauses
) -> None:
    broker.away = True
    event_id = await told(database, "order-1")
    running = asyncio.create_task(relay.run())
    await until(lambda: len(pauses.made) >= 4)
    assert pauses.made[:4] == [0.1, 0.2, 0.4, 0.8]
    broker.away = False
    await until(lambda: bool(broker.ids))
    assert broker.ids == [event_id]
    running.cancel()


async def test_a_commit_wakes_the_relay(database: Database, broker: MemoryBroker, relay: Relay) -> None:
    running = asyncio.create_task(relay.run())
    cause = Cause("shop.test.v1.TestService", wake=relay.wake)
    for number in range(3):
        event_id = await told(database, f"order-{number}", cause=cause)
        async with asyncio.timeout(0.9):  # before the relay would look by itself
            await until(lambda event_id=event_id: event_id in broker.ids)  # type: ignore[misc]
    running.cancel()


async def test_what_was_sent_is_forgotten_after_a_week(database: Database, broker: MemoryBroker) -> None:
    now = utc_now()
    relay = Relay(database, broker, clock=lambda: now)
    event_id = await told(database, "order-1", key="key")
    await relay.send_waiting()
    now += KEPT + timedelta(hours=2)
    assert await relay.send_waiting() == 0
    # A row that is still there would keep the id from being published anew.
    assert await told(database, "order-1", key="key") == event_id
    assert await relay.send_waiting() == 1


async def test_a_relay_that_falls_behind_says_so_once_a_minute_and_when_it_has_caught_up(
    database: Database, broker: MemoryBroker, pauses: Pauses, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    now = utc_now()
    relay = Relay(database, broker, pause=pauses, clock=lambda: now)
    broker.away = True
    await told(database, "order-1")
    await told(database, "order-2")
    running = asyncio.create_task(relay.run())
    for minutes in (2, 3):
        now += LATE * minutes
        tried = len(pauses.made)
        await until(lambda tried=tried: len(pauses.made) >= tried + 3)  # type: ignore[misc]
    broker.away = False
    await until(lambda: len(broker.ids) == 2)
    now += LATE
    relay.wake()
    await until(lambda: "events are late no more" in caplog.messages)
    running.cancel()

    late = [message for message in caplog.messages if message.startswith("events are late:")]
    assert [message.split(", ")[0] for message in late] == ["events are late: 2 wait in the outbox"] * 2
    assert [int(message.split()[-2]) // 60 for message in late] in ([2, 5], [1, 4])  # published a moment after ``now``


async def test_the_same_call_run_twice_publishes_the_same_ids(database: Database) -> None:
    assert await told(database, "order-1", key="key") == await told(database, "order-1", key="key")
    assert await told(database, "order-1", key="key") != await told(database, "order-1", key="another")
    assert await told(database, "order-1") != await told(database, "order-1")


def test_business_that_is_run_again_publishes_under_the_same_ids() -> None:
    cause = Cause("shop.test.v1.TestService").for_("key", "")
    runs = []
    for _ in range(2):
        with during(cause):
            runs.append([current_cause().next_id(), current_cause().next_id()])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 2


async def test_what_a_broker_has_lost_is_told_again_under_the_same_ids(
    database: Database, broker: MemoryBroker, relay: Relay
) -> None:
    ids = [await told(database, "order-1"), await told(database, "order-1")]
    await relay.send_waiting()
    broker.events.clear()
    assert await database.transaction(resend) == 2
    await relay.send_waiting()
    assert broker.ids == ids
