"""The outbox loses nothing where transactions of PostgreSQL overtake one another, and keeps the order of each thing."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, text

from services.chassis.events.causes import Cause, during
from services.chassis.events.outbox import publish
from services.chassis.events.relay import Relay
from shop.order.v1.events_pb2 import OrderPlaced
from tests.support.event_streams import MemoryBroker, event_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection

    from services.chassis.database import Database

pytestmark = pytest.mark.long


@pytest.fixture
async def databases(postgres_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """One database, as two processes of a service have it."""
    url = make_url(postgres_url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    both = [await event_database(url) for _ in range(2)]
    yield both[0], both[1]
    for database in both:
        await database.close()


class Transaction:
    """A transaction that publishes one event, and is committed when it is told to."""

    def __init__(self, database: Database, about: str, key: str) -> None:
        self._go_on = threading.Event()
        self.published = threading.Event()
        self.ended = asyncio.create_task(database.transaction(partial(self._work, about, key)))

    async def until_published(self) -> None:
        assert await asyncio.to_thread(self.published.wait, 30)

    async def commit(self) -> str:
        self._go_on.set()
        return await self.ended

    def _work(self, about: str, key: str, connection: Connection) -> str:
        with during(Cause("shop.test.v1.TestService").for_(key, "")):
            event_id = publish(connection, OrderPlaced(order_id=about), about=about)
        self.published.set()
        assert self._go_on.wait(30)
        return event_id


async def test_an_event_is_not_lost_when_a_later_position_is_committed_before_it(
    databases: tuple[Database, Database],
) -> None:
    here, there = databases
    broker = MemoryBroker()
    relays = [Relay(here, broker), Relay(there, broker)]
    slow = Transaction(here, "order-1", "slow")
    await slow.until_published()
    quick = Transaction(there, "order-2", "quick")
    await quick.until_published()
    overtaking = await quick.commit()
    for relay in relays:
        await relay.send_waiting()
    assert broker.ids == [overtaking]
    overtaken = await slow.commit()
    for relay in relays:
        await relay.send_waiting()
    assert broker.ids == [overtaking, overtaken]


async def test_events_about_a_thing_are_sent_in_the_order_of_their_commits(
    databases: tuple[Database, Database],
) -> None:
    here, there = databases
    broker = MemoryBroker()
    first = Transaction(here, "order-1", "first")
    await first.until_published()
    second = Transaction(there, "order-1", "second")
    await waits_for_a_lock(here)
    assert not second.published.is_set()
    earlier = await first.commit()
    await second.until_published()
    later = await second.commit()
    while await Relay(here, broker).send_waiting():
        pass
    assert broker.ids == [earlier, later]


async def test_an_event_of_a_transaction_that_is_rolled_back_is_never_sent(
    databases: tuple[Database, Database],
) -> None:
    here, there = databases
    broker = MemoryBroker()

    def fail(connection: Connection) -> None:
        with during(Cause("shop.test.v1.TestService")):
            publish(connection, OrderPlaced(order_id="order-1"), about="order-1")
        raise RuntimeError("after the event")

    with pytest.raises(RuntimeError):
        await here.transaction(fail)
    kept = Transaction(there, "order-1", "kept")
    event_id = await kept.commit()
    await Relay(here, broker).send_waiting()
    assert broker.ids == [event_id]


async def waits_for_a_lock(database: Database) -> None:
    """Returns once a transaction of the database waits for another one."""

    def waiting(connection: Connection) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return int(connection.execute(text(query)).scalar_one())

    async with asyncio.timeout(30):
        while not await database.read(waiting):
            pass
