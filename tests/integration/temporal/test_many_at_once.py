"""How much one worker has under way at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator import saga, saga_id, scope
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.journal.entries import AttemptFailed
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.sagas import Shop
from orchestrator.testing.world.participants import ScriptedParticipants
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.integration.temporal.test_from_outside import served

if TYPE_CHECKING:
    from temporalio.client import Client

    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BRANCHES: Final = 110
"""Temporal's client would let a hundred activities of one task queue be under way."""


@saga("broad", version=1)
async def broad(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Many branches side by side."""

    async def reserve(number: int) -> None:
        with scope(f"line-{number}"):
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id()))

    async with asyncio.TaskGroup() as group:
        for number in range(BRANCHES):
            group.create_task(reserve(number))
    return Receipt(order_id=order.customer_id)


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def test_what_waits_for_long_keeps_no_other_attempt_of_its_definition_back(client: Client) -> None:
    async with served(client, ScriptedParticipants(), broad) as stage:
        answers = [stage.hold("ReserveStock") for _ in range(BRANCHES)]
        await stage.start(broad, "broad-1")
        await asyncio.gather(*(answer.asked.wait() for answer in answers))
        entries = await stage.sagas.entries("broad-1")
        for answer in answers:
            answer.give()
        state = await stage.rests("broad-1")

    assert not any(isinstance(entry, AttemptFailed) for entry in entries), "some had to end before others began"
    assert state.status is Status.COMPLETED
