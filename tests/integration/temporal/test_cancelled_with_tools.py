"""A cancel with Temporal's own tools is heard once, wherever its workflow is, and is not lost with a run of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from temporalio.api.enums.v1 import EventType

from orchestrator import saga, saga_id, sleep
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.opening import WorkerOptions
from orchestrator.journal.acts import Act
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA, BUSY_FOR_LONG
from orchestrator.testing.conformance.engines.sagas import BACKWARD, FORWARD, Shop, trip
from orchestrator.testing.world.participants import ScriptedParticipants
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest
from tests.integration.temporal.test_from_outside import has_heard_of_its_cancel, served
from tests.support.long_histories import grown, runs_of

if TYPE_CHECKING:
    from temporalio.client import Client

    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SHORT_RUNS: Final = WorkerOptions(most_events=30, grace=0.0)


@saga("afterwards", version=1)
async def afterwards(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A long time passes after its pivot."""
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))
    await sleep(timedelta(hours=1))
    await shop.email.SendConfirmation(SendConfirmationRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def test_a_cancel_that_comes_as_the_saga_leaves_is_done_by_the_next_run(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip, options=SHORT_RUNS) as stage:
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        await grown(client, "trip-1", SHORT_RUNS.most_events)

        await client.get_workflow_handle("trip-1").cancel(reason="too long already")
        await stage.eventually(lambda: has_heard_of_its_cancel(client, "trip-1"))
        answer.give()
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPENSATED
    assert state.rollback is not None
    assert (state.rollback.code, state.rollback.requested_by) == (ReasonCode.CANCELLED, "temporal")
    assert stage.participants.methods() == [*FORWARD[:3], *BACKWARD[1:]]
    assert await runs_of(client, "trip-1") == 2


async def test_a_rollback_that_begins_as_the_saga_leaves_is_carried_on_by_the_next_run(client: Client) -> None:
    participants = ScriptedParticipants()
    participants.scripts["VoidAuthorization"] = [BUSY_FOR_LONG]
    async with served(client, participants, trip, options=SHORT_RUNS) as stage:
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        await client.get_workflow_handle("trip-1").cancel()
        await stage.eventually(lambda: has_heard_of_its_cancel(client, "trip-1"))
        await grown(client, "trip-1", SHORT_RUNS.most_events)
        answer.give()
        await stage.comes_to("trip-1", Status.COMPENSATING)

        paused = await stage.sagas.act(Act.PAUSE, "trip-1", "wait", ADA)
        runs = await runs_of(client, "trip-1")
        await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)
        state = await stage.comes_to("trip-1", Status.COMPENSATED)

    assert (paused.status, runs) == (Status.SUSPENDED, 2)
    assert participants.methods()[-1] == "ReleaseStock"
    assert state.rollback is not None


async def test_a_cancel_that_is_refused_leaves_the_timer_of_a_parked_saga_as_it_is(client: Client) -> None:
    async with served(client, ScriptedParticipants(), afterwards) as stage:
        await stage.start(afterwards, "afterwards-1")
        await stage.comes_to("afterwards-1", Status.WAITING)
        await stage.eventually(lambda: has_timers(client, "afterwards-1"))
        before = await timers_of(client, "afterwards-1")

        await client.get_workflow_handle("afterwards-1").cancel()
        await stage.eventually(lambda: has_heard_of_its_cancel(client, "afterwards-1"))

        assert await timers_of(client, "afterwards-1") == before


async def has_timers(client: Client, saga: str) -> bool:
    return bool(await timers_of(client, saga))


async def timers_of(client: Client, saga: str) -> list[int]:
    """The events by which timers were started that run still."""
    started: dict[str, int] = {}
    async for event in client.get_workflow_handle(saga).fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            started[event.timer_started_event_attributes.timer_id] = event.event_id
        elif event.event_type == EventType.EVENT_TYPE_TIMER_CANCELED:
            started.pop(event.timer_canceled_event_attributes.timer_id)
        elif event.event_type == EventType.EVENT_TYPE_TIMER_FIRED:
            started.pop(event.timer_fired_event_attributes.timer_id)
    return list(started.values())
