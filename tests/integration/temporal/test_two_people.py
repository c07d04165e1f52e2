"""What two people must ask for, where the worker that goes on with a saga has other settings than the one before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator import approval, saga, sleep
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.opening import WorkerOptions
from orchestrator.errors import ActRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import ActProposed, CompensationSkipped
from orchestrator.journal.four_eyes import SECOND_PERSON_NEEDED, FourEyes
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA, REJECTED, decision
from orchestrator.testing.conformance.engines.sagas import Shop, trip
from orchestrator.testing.world.participants import ScriptedParticipants
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest
from tests.integration.temporal.test_from_outside import served

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.engine.sagas import Sagas
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BOB: Final = Actor("bob")
ONE: Final = WorkerOptions(grace=0.0)
TWO: Final = WorkerOptions(grace=0.0, four_eyes=FourEyes(["skip", "approve"]))


@saga("agreed", version=1)
async def agreed(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Somebody must say yes; then a long time passes."""
    await approval()
    await sleep(timedelta(hours=1))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order.customer_id))
    return Receipt(order_id=order.customer_id)


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def test_what_one_person_has_proposed_is_not_done_by_a_deploy_that_asks_for_one_alone(client: Client) -> None:
    participants = ScriptedParticipants()
    participants.scripts |= {"ArrangeShipment": [REJECTED], "VoidAuthorization": [REJECTED]}
    async with served(client, participants, trip, options=TWO) as stage:
        await stage.run(trip, "trip-1")
        with pytest.raises(ActRefused) as refused:
            await stage.sagas.skip_compensation("trip-1", "PaymentService.AuthorizePayment", "let it stand", ADA)
    async with served(client, participants, trip, options=ONE) as stage:
        await stage.sagas.act(Act.RESUME, "trip-1", "the bank works again", BOB)
        state = await stage.rests("trip-1")
        entries = await stage.sagas.entries("trip-1")

    assert refused.value.reason == SECOND_PERSON_NEEDED
    assert state.status is Status.COMPENSATED
    assert len(participants.of("VoidAuthorization")) == 2
    assert any(isinstance(entry, ActProposed) for entry in entries)
    assert not any(isinstance(entry, CompensationSkipped) for entry in entries)


async def test_a_yes_that_one_person_could_say_holds_after_a_deploy_that_asks_for_two(client: Client) -> None:
    async with served(client, ScriptedParticipants(), agreed, options=ONE) as stage:
        await stage.start(agreed, "agreed-1")
        await stage.sagas.signal("agreed-1", decision("yes"))
        await stage.eventually(lambda: is_asleep(stage.sagas))
    async with served(client, ScriptedParticipants(), agreed, options=TWO) as stage:
        paused = await stage.sagas.act(Act.PAUSE, "agreed-1", "wait", ADA)  # by a replay of what went before

    assert paused.reason is not None
    assert (paused.status, paused.reason.code) == (Status.SUSPENDED, ReasonCode.PAUSED)


async def is_asleep(sagas: Sagas) -> bool:
    state = await sagas.get("agreed-1")
    return state.status is Status.WAITING and state.wake_at is not None
