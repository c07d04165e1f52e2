"""What a deploy may change of a definition that live sagas use, without a new version of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import saga, saga_id
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.definition.context import child
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.replaying import replay_histories
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import REJECTED_BY_GUARD
from orchestrator.testing.conformance.engines.sagas import Shop
from orchestrator.testing.world.participants import ScriptedParticipants
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest
from tests.integration.temporal.test_from_outside import served

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.definition.saga import SagaDefinition
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


def boxes_of(**more: Any) -> tuple[SagaDefinition[Any, Any, Any], SagaDefinition[Any, Any, Any]]:  # noqa: ANN401 - what sagas take
    """A child, with what else its definition says, and its parent."""

    @saga("box", version=1, **more)
    async def box(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as every saga
        await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id()))
        return Receipt(order_id=saga_id())

    @saga("boxes", version=1)
    async def boxes(order: StartOrderRequest, shop: Shop) -> Receipt:
        await child(box, order)
        await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))
        return Receipt(order_id=order.customer_id)

    return box, boxes


async def test_a_child_may_be_given_a_deadline_though_parents_have_rolled_it_back(client: Client) -> None:
    participants = ScriptedParticipants()
    participants.scripts["CapturePayment"] = [REJECTED_BY_GUARD]
    box, boxes = boxes_of()
    async with served(client, participants, box, boxes) as stage:
        state = await stage.run(boxes, "boxes-1")
        await client.get_workflow_handle("boxes-1").result()  # it ends after the saga

    deployed = boxes_of(deadline=timedelta(hours=1))
    replayed = [each async for each in replay_histories(client, deployed, SystemClock())]

    assert state.status is Status.COMPENSATED
    assert participants.of("ReleaseStock")
    assert len(replayed) == 2
    assert not any(each.failure for each in replayed)
