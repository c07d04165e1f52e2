"""Publishes events as a saga's outbox does, for subscribers that are real processes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from google.type.money_pb2 import Money

from orchestrator.participant.security.brokers import BrokerAccess
from services.chassis.event import Event
from services.chassis.events.broker import BrokerAway
from services.chassis.events.jetstream import JetStreamBroker
from services.chassis.queue_address import QueueAddress
from services.chassis.queue_connection import connected
from services.chassis.timestamps import utc_now
from shop.order.v1.events_pb2 import OrderPlaced
from shop.type.v1.type_pb2 import Line
from shop.warehouse.v1.warehouse_pb2 import PickLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOURCE: Final = "/sagas/place_order_danced"
TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
ROOT_SPAN: Final = "b7ad6b7169203331"
_PAUSE_SECONDS: Final = 0.1


def placed(order_id: str, customer_id: str = "ada", *, number: int = 1, traceparent: str = "") -> Event:
    """An order of a member was placed; ``number`` tells several events of one order apart."""
    event = OrderPlaced(
        order_id=order_id,
        customer_id=customer_id,
        lines=[Line(sku="MUG-BLUE", quantity=1)],
        total=Money(currency_code="EUR", units=12),
        carrier="Swift Post",
        tracking_number="SP0000000000000042",
        picks=[PickLine(sku="MUG-BLUE", quantity=1, bin="A-1")],
        member=True,
    )
    event_id = f"{order_id}/{number}".encode().hex().rjust(32, "0")[-32:]
    return Event(
        event_id,
        SOURCE,
        event.DESCRIPTOR.full_name,
        order_id,
        utc_now(),
        event.SerializeToString(),
        traceparent=traceparent or f"00-{TRACE}-{ROOT_SPAN}-01",
    )


class Publisher:
    """Sends events, each until the broker has it."""

    def __init__(self, broker: JetStreamBroker) -> None:
        self._broker = broker

    async def publish(self, *events: Event) -> None:
        for event in events:
            await self._publish(event)

    async def publish_again(self, event: Event) -> None:
        """Let the broker take an event that it has already for another one."""
        context, _ = self._broker.now()
        headers = {**event.headers(), "Nats-Msg-Id": f"{event.id} again"}
        await context.publish(self._broker.subject(event.type), event.data, headers=headers)

    async def _publish(self, event: Event) -> None:
        while True:
            try:
                return await self._broker.send(event)
            except BrokerAway:
                await asyncio.sleep(_PAUSE_SECONDS)


@asynccontextmanager
async def publishing(url: str) -> AsyncIterator[Publisher]:
    """A publisher to ``nats://host:port/prefix``."""
    address = QueueAddress.parse(url, "events")
    async with connected(address, BrokerAccess(), name="test") as connection:
        yield Publisher(JetStreamBroker(connection, address.subjects.prefix))
