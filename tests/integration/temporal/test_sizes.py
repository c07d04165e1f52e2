"""What is larger than Temporal carries is refused, goes in pieces, or waits for a person; no task fails for ever."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
from typing import TYPE_CHECKING, Final

import pytest
from temporalio.api.enums.v1 import EventType

from orchestrator import saga, saga_id, scope
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.definition.context import child
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.finding.history import read_history
from orchestrator.engine.temporal.opening import WorkerOptions
from orchestrator.engine.temporal.replaying import replay_histories
from orchestrator.errors import InvalidInput, NotOffered
from orchestrator.journal.acts import Act
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA, REJECTED, note
from orchestrator.testing.conformance.engines.sagas import Shop, noted, parcel
from orchestrator.testing.world.participants import ScriptedParticipants
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest, ArrangeShipmentResponse, Shipment
from shop.type.v1.type_pb2 import Line
from tests.integration.temporal.test_from_outside import acts_heard_of, has_heard_of_its_cancel, served
from tests.support.long_histories import grown

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.journal.state import SagaState
    from orchestrator.testing.conformance.engines.harness import Stage
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel"),
]

SHORT_RUNS: Final = WorkerOptions(most_events=20, grace=0.0)


@functools.cache
def text(size: int) -> str:
    """So many letters, which cannot be written in much less."""
    return bytes(each & 127 for each in hashlib.shake_256(b"text").digest(size)).decode()


def order(*side_by_side: int, after: tuple[int, ...] = (), result: int = 0) -> StartOrderRequest:
    """An order whose commands, and whose result, have these sizes."""
    for size in (*side_by_side, *after, result):
        text(size)  # made here, because a workflow may not take long
    return StartOrderRequest(email=json.dumps([side_by_side, after, result]))


@saga("bulky", version=1)
async def bulky(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Commands as large as the order says: some side by side, a shipment, some one after another, and the pivot."""
    side_by_side, after, result = json.loads(order.email)

    async def reserve(name: str, size: int) -> None:
        with scope(name):
            await shop.inventory.ReserveStock(
                ReserveStockRequest(order_id=saga_id(), lines=[Line(sku=text(size))] if size else [])
            )

    await asyncio.gather(*(reserve(f"beside-{number}", size) for number, size in enumerate(side_by_side)))
    await shop.shipping.ArrangeShipment(ArrangeShipmentRequest(order_id=saga_id()))
    for number, size in enumerate(after):
        await reserve(f"after-{number}", size)
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))
    return Receipt(order_id=saga_id(), carrier=text(result))


@saga("bulky_child", version=1)
async def bulky_child(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A parent, whose child has an input as large as the order says."""
    sent = await child(parcel, StartOrderRequest(card_token=text(int(order.email))))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))
    return sent


def shipment(size: int) -> ArrangeShipmentResponse:
    """A reply as large as that."""
    return ArrangeShipmentResponse(shipment=Shipment(shipment_id="1", carrier="c", tracking_number=text(size)))


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def history_is_whole(client: Client, stage: Stage, state: SagaState) -> None:
    """All of the journal is in the history, and the code follows that."""

    async def is_whole() -> bool:
        return (await read_history(client, state.saga_id)).entries == await stage.sagas.entries(state.saga_id)

    await stage.eventually(is_whole)
    replayed = [each async for each in replay_histories(client, [bulky], SystemClock())]
    assert [each.failure for each in replayed] == [""]


@pytest.mark.parametrize("sizes", [(1_200_000,), (1_700_000,), (1_700_000,) * 3, (700_000,) * 5], ids=str)
async def test_large_requests_are_sent_also_side_by_side(client: Client, sizes: tuple[int, ...]) -> None:
    async with served(client, ScriptedParticipants(), bulky) as stage:
        await stage.start(bulky, "bulky-1", order(*sizes))
        state = await stage.comes_to("bulky-1", Status.COMPLETED)
        assert sorted(len(call.request) // 100_000 for call in stage.participants.of("ReserveStock")) == [
            size // 100_000 for size in sizes
        ]
        await history_is_whole(client, stage, state)


async def test_a_request_that_is_too_large_is_refused_before_it_is_sent_and_the_saga_goes_back(client: Client) -> None:
    async with served(client, ScriptedParticipants(), bulky) as stage:
        await stage.start(bulky, "bulky-1", order(100, after=(2_500_000,)))
        state = await stage.comes_to("bulky-1", Status.COMPENSATED)
        assert state.reason is not None
        assert "Temporal carries 1800000" in state.reason.message
        assert stage.participants.methods() == ["ReserveStock", "ArrangeShipment", "CancelShipment", "ReleaseStock"]
        await history_is_whole(client, stage, state)


async def test_a_large_reply_is_carried_along_with_what_comes_after_it(client: Client) -> None:
    async with served(client, ScriptedParticipants(), bulky) as stage:
        stage.participants.replies["ArrangeShipment"] = shipment(1_750_000)
        await stage.start(bulky, "bulky-1", order(after=(1_750_000,)))
        state = await stage.comes_to("bulky-1", Status.COMPLETED)
        await history_is_whole(client, stage, state)


async def test_a_reply_that_is_too_large_is_a_lost_answer(client: Client) -> None:
    async with served(client, ScriptedParticipants(), bulky) as stage:
        stage.participants.replies["ArrangeShipment"] = shipment(2_500_000)
        await stage.start(bulky, "bulky-1", order())
        await stage.comes_to("bulky-1", Status.COMPENSATED)
        assert stage.participants.methods() == ["ArrangeShipment", "CancelShipment"]


async def test_a_large_result_is_kept_whole(client: Client) -> None:
    async with served(client, ScriptedParticipants(), bulky) as stage:
        await stage.start(bulky, "bulky-1", order(result=2_500_000))
        state = await stage.comes_to("bulky-1", Status.COMPLETED)
        await history_is_whole(client, stage, state)
        assert len(Receipt.FromString((await stage.sagas.get("bulky-1")).result or b"").carrier) == 2_500_000


async def test_a_reason_or_a_signal_that_is_too_large_is_refused_and_a_large_one_is_given(client: Client) -> None:
    async with served(client, ScriptedParticipants(), noted) as stage:
        await stage.start(noted, "noted-1")
        with pytest.raises(InvalidInput, match="Temporal carries"):
            await stage.sagas.signal("noted-1", note(text(1_500_000), "first"))
        with pytest.raises(InvalidInput, match="Temporal carries"):
            await stage.sagas.act(Act.CANCEL, "noted-1", text(2_500_000), ADA)

        await stage.sagas.signal("noted-1", note(text(1_200_000), "first"))
        await stage.sagas.signal("noted-1", note(text(1_200_000), "second"))
        state = await stage.comes_to("noted-1", Status.COMPLETED)
    assert [len(each.payload) // 100_000 for each in state.signals.values()] == [12, 12]


async def test_large_signals_that_no_worker_has_heard_yet_are_taken_in_one_task(client: Client) -> None:
    async with served(client, ScriptedParticipants(), noted) as stage:
        await stage.start(noted, "noted-1")
        await stage.comes_to("noted-1", Status.WAITING)
    given = [
        asyncio.ensure_future(stage.sagas.signal("noted-1", note(text(1_290_000), request_id)))
        for request_id in ("first", "second")
    ]
    await stage.eventually(lambda: are_there(client, "noted-1", 2))
    async with served(client, ScriptedParticipants(), noted) as stage:
        await asyncio.gather(*given)
        state = await stage.comes_to("noted-1", Status.COMPLETED)

    assert [len(each.payload) // 100_000 for each in state.signals.values()] == [12, 12]


async def are_there(client: Client, saga_id: str, acts: int) -> bool:
    """Whether what so many acts say is in the history."""
    history = await client.get_workflow_handle(saga_id).fetch_history()
    kinds = [event.event_type for event in history.events]
    return kinds.count(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED) == acts


async def test_a_large_signal_that_comes_as_the_saga_leaves_is_brought_to_the_next_run(client: Client) -> None:
    async with served(client, ScriptedParticipants(), noted, options=SHORT_RUNS) as stage:
        answer = stage.hold("ReserveStock")
        await stage.start(noted, "noted-1")
        await answer.asked.wait()
        await grown(client, "noted-1", SHORT_RUNS.most_events)

        giving = asyncio.ensure_future(stage.sagas.signal("noted-1", note(text(1_200_000), "first")))
        await stage.eventually(lambda: has_heard_of_two(client))
        answer.give()
        await giving
        await stage.sagas.signal("noted-1", note(text(1_200_000), "second"))
        state = await stage.comes_to("noted-1", Status.COMPLETED)

    assert [len(each.payload) // 100_000 for each in state.signals.values()] == [12, 12]


async def has_heard_of_two(client: Client) -> bool:
    return await acts_heard_of(client, "noted-1") >= 2


async def test_an_act_is_answered_also_where_a_large_reply_is_not_in_the_history_yet(client: Client) -> None:
    async with served(client, ScriptedParticipants(), bulky) as stage:
        stage.participants.replies["ArrangeShipment"] = shipment(1_750_000)
        answer = stage.hold("ArrangeShipment")
        await stage.start(bulky, "bulky-1", order(100))
        await answer.asked.wait()
        pausing = asyncio.ensure_future(stage.sagas.act(Act.PAUSE, "bulky-1", "wait", ADA))
        await stage.eventually(lambda: acts_heard_of(client, "bulky-1"))
        answer.give()

        assert (await pausing).status is Status.SUSPENDED
        await stage.sagas.act(Act.CANCEL, "bulky-1", "rather not", ADA)
        await stage.comes_to("bulky-1", Status.COMPENSATED)


async def test_a_saga_whose_journal_is_too_large_for_a_new_run_stays_in_its_run(client: Client) -> None:
    async with served(client, ScriptedParticipants(), bulky, options=SHORT_RUNS) as stage:
        await stage.start(bulky, "bulky-1", order(1_500_000, 1_500_000, after=(100, 100, 100)))
        state = await stage.comes_to("bulky-1", Status.COMPLETED)
        assert len(stage.participants.of("ReserveStock")) == 5
        await history_is_whole(client, stage, state)


async def test_a_saga_waits_for_a_person_before_the_server_ends_its_run_and_can_be_rolled_back(client: Client) -> None:
    async with served(client, ScriptedParticipants(), bulky, options=SHORT_RUNS) as stage:
        await stage.start(bulky, "bulky-1", order(1_500_000, 1_500_000, after=(100,) * 20))

        async def waits() -> bool:
            reason = (await stage.sagas.get("bulky-1")).suspension
            return (
                reason is not None and reason.code is ReasonCode.ENGINE_FAILED and "Temporal carries" in reason.message
            )

        await stage.eventually(waits)
        sent = len(stage.participants.of("ReserveStock"))
        assert 2 < sent < 22
        await stage.sagas.act(Act.CANCEL, "bulky-1", "rather not", ADA)
        await stage.comes_to("bulky-1", Status.COMPENSATED)
        assert len(stage.participants.of("ReleaseStock")) == sent


async def test_a_cancel_with_temporals_own_tools_ends_no_workflow_that_is_about_to_wait_for_a_person(
    client: Client,
) -> None:
    async with served(client, ScriptedParticipants(), bulky, options=SHORT_RUNS) as stage:
        answer = stage.hold("CapturePayment")
        await stage.start(bulky, "bulky-1", order(1_500_000, 1_500_000, after=(100, 100)))
        await answer.asked.wait()
        await grown(client, "bulky-1", 5 * SHORT_RUNS.most_events)

        await client.get_workflow_handle("bulky-1").cancel()
        await stage.eventually(lambda: has_heard_of_its_cancel(client, "bulky-1"))
        answer.give()
        await stage.comes_to("bulky-1", Status.SUSPENDED)
        await stage.sagas.act(Act.RESUME, "bulky-1", "go on", ADA)
        await stage.comes_to("bulky-1", Status.COMPLETED)


async def test_a_terminated_saga_with_too_large_a_journal_is_refused_a_new_run(client: Client) -> None:
    async with served(client, ScriptedParticipants(), bulky) as stage:
        answer = stage.hold("CapturePayment")
        await stage.start(bulky, "bulky-1", order(1_500_000, 1_500_000))
        await answer.asked.wait()
        await client.get_workflow_handle("bulky-1").terminate()

        with pytest.raises(NotOffered, match="gives a new run"):
            await stage.sagas.act(Act.RESUME, "bulky-1", "go on", ADA)
        assert (await stage.sagas.get("bulky-1")).status is Status.SUSPENDED


@pytest.mark.parametrize(
    ("size", "sent"), [(1_250_000, ["ReserveStock", "CapturePayment", "ReleaseStock"]), (1_500_000, [])]
)
async def test_a_child_with_a_large_input_is_rolled_back_with_its_parent_or_never_started(
    client: Client, size: int, sent: list[str]
) -> None:
    async with served(client, ScriptedParticipants(), bulky_child, parcel) as stage:
        stage.participants.scripts["CapturePayment"] = [REJECTED]
        text(size)
        await stage.start(bulky_child, "parent-1", StartOrderRequest(email=str(size)))
        await stage.comes_to("parent-1", Status.COMPENSATED)
        assert stage.participants.methods() == sent
