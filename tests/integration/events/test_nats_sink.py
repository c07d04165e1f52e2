"""The sink at a real NATS server: stored before it counts as taken, stored once, read from the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import nats

from orchestrator.connections.nats import NatsConnection
from orchestrator.connections.nats_security import NatsSecurity
from orchestrator.connections.nats_security import NatsServer as Place
from orchestrator.events.addresses import read_address
from orchestrator.events.nats.sink import NatsSink
from orchestrator.journal.events import OutboxEvent, event_id
from orchestrator.ports.outbox import KeptEvent
from shop.order.v1.events_pb2 import OrderPlaced

if TYPE_CHECKING:
    from tests.support.nats import NatsServer

PLACED = "shop.order.v1.OrderPlaced"


def kept(number: int) -> KeptEvent:
    payload = OrderPlaced(order_id=f"o-{number}").SerializeToString()
    about = event_id("saga-1", str(number)), "saga-1", "place_order", PLACED, 1_700_000_000_000_000_000
    return KeptEvent(number, OutboxEvent(*about, False, "", payload))


def sink_at(server: NatsServer, place: str, timeout: float = 5.0) -> NatsSink:
    address = read_address("analytics", f"{server.url}/{place}")
    return NatsSink(address, NatsConnection(Place(server.address), NatsSecurity()), timeout)


async def test_a_subscriber_that_comes_later_reads_every_event_from_the_beginning_once(shared_nats: NatsServer) -> None:
    prefix = f"events-{uuid4().hex[:8]}"
    sink = sink_at(shared_nats, prefix)
    for number in (1, 2, 2, 3):
        assert await sink.tell(kept(number)) is None

    client = await nats.connect(shared_nats.url)
    subscription = await client.jetstream().subscribe(f"{prefix}.shop.order.v1.*", ordered_consumer=True)
    messages = [await subscription.next_msg(20) for _ in range(3)]

    assert [OrderPlaced.FromString(each.data).order_id for each in messages] == ["o-1", "o-2", "o-3"]
    headers = messages[0].headers or {}
    assert headers["ce-id"] == headers["Nats-Msg-Id"] == event_id("saga-1", "1")
    assert (headers["ce-type"], headers["ce-subject"], headers["content-type"]) == (
        PLACED,
        "saga-1",
        "application/protobuf",
    )
    assert messages[0].subject == f"{prefix}.{PLACED}"
    await client.close()
    await sink.close()


async def test_what_a_killed_server_has_not_stored_is_not_taken_and_is_taken_afterwards(
    nats_server: NatsServer,
) -> None:
    sink = sink_at(nats_server, "events", timeout=2.0)
    assert await sink.tell(kept(1)) is None
    nats_server.kill()

    failure = await sink.tell(kept(2))

    assert failure is not None
    assert not failure.answered
    nats_server.start()
    while await sink.tell(kept(2)) is not None:
        pass
    client = await nats.connect(nats_server.url)
    subscription = await client.jetstream().subscribe("events.>", ordered_consumer=True)
    messages = [await subscription.next_msg(20) for _ in range(2)]
    assert [OrderPlaced.FromString(each.data).order_id for each in messages] == ["o-1", "o-2"]
    await client.close()
    await sink.close()


async def test_a_sink_wants_the_types_that_its_address_says(shared_nats: NatsServer) -> None:
    sink = sink_at(shared_nats, "events?type=shop.order.v1.*")
    assert [sink.wants(kind) for kind in (PLACED, "saga.v1.SagaStarted")] == [True, False]
    await sink.close()
