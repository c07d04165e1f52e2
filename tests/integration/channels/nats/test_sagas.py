"""A saga over a real broker whose participant is away: it is parked, and goes on on another replica."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator import sleep
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.channels.nats.answers import NatsAnswers
from orchestrator.channels.router import Router
from orchestrator.definition.saga import saga
from orchestrator.engine.replica.acting.acts import Acts
from orchestrator.engine.replica.assemble import assemble
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.state import Status
from orchestrator.participant.queued.reply import QueuedReply
from orchestrator.ports.adapters import Adapters
from orchestrator.store.memory.journal import MemoryJournal, MemoryState
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import sample
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import RESERVE, SAGA, Shop, order_of
from tests.support.queued_participant import GROUP, channel_to, participating, provided

if TYPE_CHECKING:
    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.journal import Journal
    from tests.support.nats import NatsServer

SERVICE = "shop.inventory.v1.InventoryService"


@saga("reserving", version=1)
async def reserving(order: StartOrderRequest, shop: Shop) -> Receipt:
    """One command."""
    await shop.inventory.ReserveStock(RESERVE)
    return Receipt(order_id=order.customer_id)


@saga("patient", version=1)
async def patient(order: StartOrderRequest, shop: Shop) -> Receipt:
    """One command, and then a day."""
    await shop.inventory.ReserveStock(RESERVE)
    await sleep(timedelta(days=1))
    return Receipt(order_id=order.customer_id)


def replica(journal: Journal, channel: NatsChannel, name: str) -> Worker:
    where = dict.fromkeys({command.service for command in reserving.commands.values()}, "nats://there")
    router = Router(where, {"nats": lambda _: channel})
    answers = NatsAnswers([channel], GROUP)
    adapters = Adapters(journal, router, RecordingObserver(), SystemClock(), random.random, answers)
    return assemble([reserving, patient], adapters, owner=name, lease=1.0).worker


def parking(worker: Worker) -> asyncio.Future[SagaState]:
    """The saga that this replica parks next; it does not look then whether it is answered."""
    parked: asyncio.Future[SagaState] = asyncio.get_running_loop().create_future()
    worker.on_parked = parked.set_result
    return parked


async def test_a_saga_waits_parked_for_its_participant_and_goes_on_on_the_replica_that_is_alive(
    shared_nats: NatsServer,
) -> None:
    first = channel_to(shared_nats, "replica-1")
    second = channel_to(shared_nats, "replica-2", first.address.subjects.prefix)
    await provided(first, SERVICE)
    kept = MemoryState()
    dying = replica(MemoryJournal(time.time_ns, kept), first, "replica-1")
    await dying.open()
    parked = parking(dying)
    await dying.start(order_of(reserving))
    await asyncio.wait_for(parked, 30)
    await dying.close(1.0)
    await first.close()

    worker = replica(MemoryJournal(time.time_ns, kept), second, "replica-2")
    await worker.open()
    async with participating(shared_nats, second, SERVICE) as participant:
        reply = sample(reserving.commands[f"{SERVICE}.ReserveStock"].response).SerializeToString()
        participant.answer = lambda _, command: QueuedReply(command.message_id, reply)
        state = await worker.wait(SAGA, 30)
    entries = await worker.adapters.journal.read(SAGA)
    await worker.close(1.0)
    await second.close()

    assert state.status is Status.COMPLETED
    assert len(participant.taken) == 1
    kinds = [type(entry) for entry in entries]
    assert kinds == [
        e.SagaStarted,
        e.CommandIntended,
        e.CommandQueued,
        e.SagaParked,
        e.SagaWoken,
        e.CommandCompleted,
        e.SagaCompleted,
    ]


async def test_a_saga_waits_parked_for_the_participant_of_its_compensation_and_goes_back_on_the_replica_that_is_alive(
    shared_nats: NatsServer,
) -> None:
    first = channel_to(shared_nats, "replica-1")
    second = channel_to(shared_nats, "replica-2", first.address.subjects.prefix)
    await provided(first, SERVICE)
    kept = MemoryState()
    dying = replica(MemoryJournal(time.time_ns, kept), first, "replica-1")
    await dying.open()
    async with participating(shared_nats, first, SERVICE) as participant:
        reply = sample(patient.commands[f"{SERVICE}.ReserveStock"].response).SerializeToString()
        participant.answer = lambda _, command: QueuedReply(command.message_id, reply)
        asleep = parking(dying)
        await dying.start(order_of(patient))
        await asyncio.wait_for(asleep, 30)
    back = parking(dying)
    await Acts(dying).cancel(SAGA, "enough", Actor("ada"))
    state = await asyncio.wait_for(back, 30)
    assert state.rollback is not None
    assert not dying.live
    await dying.close(1.0)
    await first.close()

    worker = replica(MemoryJournal(time.time_ns, kept), second, "replica-2")
    await worker.open()
    async with participating(shared_nats, second, SERVICE) as participant:
        participant.answer = lambda _, command: QueuedReply(command.message_id, b"")
        state = await worker.wait(SAGA, 30)
    entries = await worker.adapters.journal.read(SAGA)
    await worker.close(1.0)
    await second.close()

    assert state.status is Status.COMPENSATED
    assert [taken.method for taken in participant.taken] == ["ReleaseStock"]
    assert [type(entry) for entry in entries[-4:]] == [
        e.SagaParked,
        e.SagaWoken,
        e.CompensationCompleted,
        e.SagaCompensated,
    ]
