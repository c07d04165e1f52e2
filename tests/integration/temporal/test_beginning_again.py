"""What can be done to a saga can be done whatever became of its workflow: that begins again, with the saga at rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from orchestrator import saga, saga_id
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.temporal.beginning_again import BeginningAgain
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.new_workflows import NewWorkflows
from orchestrator.engine.temporal.replaying import replay_histories
from orchestrator.errors import ActRefused, CancelRefused, JournalUnavailable
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import SagaRecovered, SagaResumed, SagaSuspended
from orchestrator.journal.keys import child_id, idempotency_key
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.testing.conformance.engines.answers import ADA, REJECTED, REJECTED_BY_GUARD
from orchestrator.testing.conformance.engines.sagas import FORWARD, Shop, broken, delivery, parcel, sleepy, trip
from orchestrator.testing.world.participants import ScriptedParticipants
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentResponse, CapturePaymentRequest
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest
from tests.integration.temporal.test_from_outside import served

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.testing.conformance.engines.harness import Stage
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # The SDK's own: a workflow was ended from outside while an attempt of it was in flight.
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel"),
]

AUTHORIZE = "PaymentService.AuthorizePayment"


@saga("broken", version=1)
async def mended(order: StartOrderRequest, shop: Shop) -> Receipt:
    """The saga whose code has a fault, without it."""
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id()))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


@saga("trip", version=1)
async def recoded_trip(order: StartOrderRequest, shop: Shop) -> Receipt:
    """The trip, with code that begins otherwise."""
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


@saga("parcel", version=1)
async def recoded_parcel(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - as every saga
    """The child, with code that begins otherwise."""
    await shop.shipping.ArrangeShipment(ArrangeShipmentRequest(order_id=saga_id()))
    return Receipt(order_id=saga_id())


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def suspended_and_terminated(client: Client, stage: Stage) -> None:
    """A trip that rolls back, is suspended as a compensation is refused, and whose workflow somebody terminates."""
    stage.participants.scripts["ArrangeShipment"] = [REJECTED]
    stage.participants.scripts["VoidAuthorization"] = [REJECTED]
    state = await stage.run(trip, "trip-1")
    assert state.status is Status.SUSPENDED
    await client.get_workflow_handle("trip-1").terminate(reason="tidying up")


async def terminated_in(client: Client, stage: Stage, method: str) -> None:
    """A trip whose workflow somebody terminates while it is at a command, which takes effect all the same."""
    answer = stage.hold(method)
    await stage.start(trip, "trip-1")
    await answer.asked.wait()
    await client.get_workflow_handle("trip-1").terminate(reason="in a hurry")
    answer.give()


async def the_child(stage: Stage) -> str:
    """The id of the parcel of the delivery."""
    parent = await stage.sagas.get("delivery-1")
    (key,) = [each for each in parent.commands if "parcel" in each]
    return child_id(idempotency_key(parent.saga_id, key))


async def test_a_saga_that_was_suspended_when_it_was_terminated_is_resumed(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await suspended_and_terminated(client, stage)
        await stage.sagas.act(Act.RESUME, "trip-1", "the bank is back", ADA)
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPENSATED
    assert len(stage.participants.of("VoidAuthorization")) == 2


async def test_a_saga_that_was_suspended_when_it_was_terminated_can_be_decided_about(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await suspended_and_terminated(client, stage)
        state = await stage.sagas.skip_compensation("trip-1", AUTHORIZE, "it has expired", ADA)
        await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)
        ended = await stage.rests("trip-1")

    assert state.status is Status.SUSPENDED
    assert ended.status is Status.PARTIALLY_COMPENSATED
    assert len(stage.participants.of("VoidAuthorization")) == 1


async def test_a_saga_is_resumed_whose_code_was_mended_while_it_was_suspended(client: Client) -> None:
    async with served(client, ScriptedParticipants(), broken) as stage:
        state = await stage.run(broken, "broken-1")
    assert state.reason is not None
    assert state.reason.code is ReasonCode.CODE_FAILED
    participants = ScriptedParticipants()
    async with served(client, participants, mended) as stage:
        await stage.sagas.act(Act.RESUME, "broken-1", "the fault is mended", ADA)
        state = await stage.rests("broken-1")

    assert state.status is Status.COMPLETED
    assert participants.methods() == ["CapturePayment"]


async def test_a_resume_of_a_terminated_saga_is_journalled_with_who_and_why(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await terminated_in(client, stage, "AuthorizePayment")
        shown = await stage.sagas.entries("trip-1")
        await stage.sagas.act(Act.RESUME, "trip-1", "that was a mistake", ADA)
        await stage.rests("trip-1")
        entries = await stage.sagas.entries("trip-1")
    replayed = [each.failure async for each in replay_histories(client, [trip], SystemClock())]

    recovered, suspended, resumed = entries[len(shown) - 2 : len(shown) + 1]
    assert [recovered, suspended] == shown[-2:], "what was shown stays in the journal"
    assert isinstance(recovered, SagaRecovered)
    assert isinstance(suspended, SagaSuspended)
    assert "in a hurry" in suspended.reason.message
    assert isinstance(resumed, SagaResumed)
    assert (resumed.reason.message, resumed.reason.requested_by) == ("that was a mistake", ADA.name)
    assert set(replayed) == {""}


async def test_what_was_in_flight_when_a_saga_was_terminated_can_be_decided_about(client: Client) -> None:
    reply = AuthorizePaymentResponse().SerializeToString()
    async with served(client, ScriptedParticipants(), trip) as stage:
        await terminated_in(client, stage, "AuthorizePayment")
        await stage.sagas.resolve_outcome(
            "trip-1", AUTHORIZE, took_effect=True, reply=reply, evidence="it is in the books", requested_by=ADA
        )
        await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPLETED
    assert tuple(stage.participants.methods()) == FORWARD, "none is sent again"


async def test_a_terminated_saga_that_is_cancelled_goes_no_step_forward(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await terminated_in(client, stage, "ArrangeShipment")
        await stage.sagas.act(Act.CANCEL, "trip-1", "rather not", ADA)
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPENSATED
    assert stage.participants.methods() == [*FORWARD[:4], "CancelShipment", "VoidAuthorization", "ReleaseStock"]


async def test_a_terminated_saga_that_may_be_past_its_pivot_cannot_be_cancelled_and_can_be_resumed(
    client: Client,
) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await terminated_in(client, stage, "CapturePayment")
        with pytest.raises(CancelRefused):
            await stage.sagas.act(Act.CANCEL, "trip-1", "rather not", ADA)
        await stage.sagas.act(Act.RESUME, "trip-1", "so it is", ADA)
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPLETED


async def test_a_cancel_that_no_worker_takes_lets_a_terminated_saga_rest(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await terminated_in(client, stage, "ArrangeShipment")
    async with served(client, ScriptedParticipants(), sleepy) as elsewhere:
        with pytest.raises(JournalUnavailable):
            await elsewhere.sagas.act(Act.CANCEL, "trip-1", "rather not", ADA)
        found, _ = await elsewhere.sagas.search(SagaFilter(reason_code=ReasonCode.ENGINE_FAILED), 10, "")
        state = await elsewhere.sagas.get("trip-1")

    assert state.status is Status.SUSPENDED
    assert [(each.saga_id, each.status) for each in found] == [("trip-1", Status.SUSPENDED)]
    assert found[0].cause is not None
    assert "in a hurry" in found[0].cause.message


async def test_where_several_resume_a_terminated_saga_one_does_and_the_others_are_told(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await terminated_in(client, stage, "AuthorizePayment")
        resumes = (stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA) for _ in range(3))
        answers = await asyncio.gather(*resumes, return_exceptions=True)
        state = await stage.rests("trip-1")
        entries = await stage.sagas.entries("trip-1")

    assert sum(isinstance(each, ActRefused) for each in answers) == len(answers) - 1
    assert state.status is Status.COMPLETED
    assert sum(isinstance(entry, SagaResumed) for entry in entries) == 1


async def test_a_slow_cancel_of_a_terminated_saga_does_not_undo_that_somebody_has_resumed_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = await connect(f"temporal://{client.service_client.config.target_host}/{client.namespace}")
    participants = ScriptedParticipants()
    async with served(client, participants, trip) as stage, served(slow, participants, sleepy) as elsewhere:
        await terminated_in(client, stage, "AuthorizePayment")

        async def after_the_others(*args: Any, **more: Any) -> object:  # noqa: ANN401 - the client's
            monkeypatch.undo()
            await stage.sagas.act(Act.RESUME, "trip-1", "that was a mistake", ADA)
            await client.get_workflow_handle("trip-1").result()
            return await slow.start_workflow(*args, **more)

        monkeypatch.setattr(slow, "start_workflow", after_the_others)
        with pytest.raises(CancelRefused):
            await elsewhere.sagas.act(Act.CANCEL, "trip-1", "rather not", ADA)
        state = await stage.sagas.get("trip-1")

    assert state.status is Status.COMPLETED


async def test_a_saga_whose_code_was_back_for_a_moment_goes_on_from_what_that_has_done(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    participants = ScriptedParticipants()
    async with served(client, participants, trip) as stage:
        answer = stage.hold("ReserveStock")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
    async with served(client, participants, recoded_trip) as stage:
        await stage.comes_to("trip-1", Status.SUSPENDED)

    terminate = WorkflowHandle.terminate

    async def once_the_code_was_back(run: WorkflowHandle[Any, Any], *args: Any, **more: Any) -> None:  # noqa: ANN401
        async with served(client, participants, trip) as stage:
            held = stage.hold("ArrangeShipment")
            await held.asked.wait()
        await terminate(run, *args, **more)

    monkeypatch.setattr(WorkflowHandle, "terminate", once_the_code_was_back)
    await BeginningAgain(client, NewWorkflows(client)).begin("trip-1")
    async with served(client, participants, recoded_trip) as stage:
        await stage.sagas.act(Act.CANCEL, "trip-1", "its code is gone", ADA)
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPENSATED
    assert participants.methods()[-3:] == ["CancelShipment", "VoidAuthorization", "ReleaseStock"]


async def test_a_child_that_has_completed_is_rolled_back_also_where_its_workflow_was_terminated(client: Client) -> None:
    async with served(client, ScriptedParticipants(), parcel, delivery) as stage:
        answer = stage.hold("ArrangeShipment")
        await stage.start(delivery, "delivery-1")
        await answer.asked.wait()
        child = await the_child(stage)
        await stage.comes_to(child, Status.COMPLETED)
        await client.get_workflow_handle(child).terminate(reason="tidying up")

        answer.give(REJECTED_BY_GUARD)
        state = await stage.rests("delivery-1")
        ended = await stage.sagas.get(child)

    assert (state.status, ended.status) == (Status.COMPENSATED, Status.COMPENSATED)
    assert stage.participants.methods() == ["ReserveStock", "ArrangeShipment", "ReleaseStock"]


async def test_a_child_whose_workflow_was_terminated_is_rolled_back_with_its_parent(client: Client) -> None:
    async with served(client, ScriptedParticipants(), parcel, delivery) as stage:
        answer = stage.hold("ReserveStock")
        await stage.start(delivery, "delivery-1")
        await answer.asked.wait()
        child = await the_child(stage)
        await client.get_workflow_handle(child).terminate(reason="tidying up")
        answer.give()

        await stage.sagas.act(Act.CANCEL, "delivery-1", "rather not", ADA)
        state = await stage.rests("delivery-1")
        ended = await stage.sagas.get(child)

    assert (state.status, ended.status) == (Status.COMPENSATED, Status.COMPENSATED)
    assert stage.participants.methods() == ["ReserveStock", "ReleaseStock"]


async def test_a_rollback_that_was_terminated_goes_on_when_it_is_resumed(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        stage.participants.scripts["ArrangeShipment"] = [REJECTED_BY_GUARD]
        answer = stage.hold("VoidAuthorization")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        await client.get_workflow_handle("trip-1").terminate()
        answer.give()
        await stage.sagas.act(Act.CANCEL, "trip-1", "it rolls back already", ADA)
        described = await client.get_workflow_handle("trip-1").describe()
        await stage.sagas.act(Act.RESUME, "trip-1", "go on", ADA)
        state = await stage.rests("trip-1")

    assert described.status is WorkflowExecutionStatus.TERMINATED, "nothing has changed"
    assert state.status is Status.COMPENSATED
    assert stage.participants.methods()[-2:] == ["VoidAuthorization", "ReleaseStock"]


async def test_a_child_whose_parent_was_reset_after_it_had_let_it_end_is_rolled_back(client: Client) -> None:
    async with served(client, ScriptedParticipants(), parcel, delivery) as stage:
        await stage.run(delivery, "delivery-1")
        child = await the_child(stage)
        for each in ("delivery-1", child):
            await client.get_workflow_handle(each).result()
        stage.participants.scripts["ArrangeShipment"] = [REJECTED_BY_GUARD]
        await reset_before(client, "delivery-1", "ArrangeShipment")
        state = await stage.rests("delivery-1")

        assert state.status is Status.COMPENSATED
        assert (await stage.sagas.get(child)).status is Status.COMPENSATED
    assert stage.participants.methods()[-1] == "ReleaseStock"


async def reset_before(client: Client, saga_id: str, method: str) -> None:
    """Reset a workflow with Temporal's own tool to where it is about to send this command."""
    described = await client.get_workflow_handle(saga_id).describe()
    events = (await client.get_workflow_handle(saga_id).fetch_history()).events
    sent = next(event for event in events if method in event.activity_task_scheduled_event_attributes.activity_id)
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=saga_id, run_id=described.run_id),
            workflow_task_finish_event_id=sent.activity_task_scheduled_event_attributes.workflow_task_completed_event_id,
            request_id="reset-1",
        )
    )


async def test_a_completed_child_whose_code_has_diverged_can_be_verified(client: Client) -> None:
    async with served(client, ScriptedParticipants(), parcel, delivery) as stage:
        answer = stage.hold("ArrangeShipment")
        await stage.start(delivery, "delivery-1")
        await answer.asked.wait()
        child = await the_child(stage)
        await stage.comes_to(child, Status.COMPLETED)
        await client.get_workflow_handle("delivery-1").terminate()
    async with served(client, ScriptedParticipants(), recoded_parcel) as stage:
        with pytest.raises(ActRefused):
            await stage.sagas.act(Act.RESUME, child, "go on", ADA)
        found = await stage.sagas.verify(child)

    assert not found.in_line
    assert "ArrangeShipment" in found.message
