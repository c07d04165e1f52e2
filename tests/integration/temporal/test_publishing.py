"""How the workflow of a saga tells its events: beside all else, and it ends once every sink has taken them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.client import WorkflowExecutionStatus

from orchestrator import publish, saga, saga_id
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.finding.told import has_told
from orchestrator.engine.temporal.replaying import replay_histories
from orchestrator.journal.acts import Act
from orchestrator.journal.outbox import outbox_of
from orchestrator.journal.state import Status
from orchestrator.ports.sink import NotTaken
from orchestrator.testing.conformance.engines.answers import ADA
from orchestrator.testing.conformance.engines.sagas import Shop, announced
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.sink import ScriptedSink
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.order.v1.events_pb2 import OrderPlaced
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.integration.temporal.test_from_outside import served

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.journal.events import OutboxEvent
    from orchestrator.ports.outbox import KeptEvent
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # The SDK's own: a workflow was ended from outside while an event of it was being told.
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel"),
]

AWAY: Final = NotTaken("nobody is there", answered=False)
REFUSED: Final = NotTaken("500 Oops", answered=True)


BIN: Final = Path(sys.executable).parent
TOO_LARGE: Final = "x" * (names.MOST_PAYLOAD_BYTES + 1)


@saga("shouting", version=1)
async def shouting(order: StartOrderRequest, shop: Shop) -> Receipt:
    await publish(OrderPlaced(order_id=TOO_LARGE), at_once=True)
    await publish(OrderPlaced(order_id="small"), at_once=True)
    await shop.email.SendConfirmation(SendConfirmationRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


@saga("last_words", version=1)
async def last_words(order: StartOrderRequest, shop: Shop) -> Receipt:
    for words in (TOO_LARGE, "small", TOO_LARGE):
        await publish(OrderPlaced(order_id=words), at_once=True)
    await shop.email.SendConfirmation(SendConfirmationRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def has_ended(client: Client) -> bool:
    return (await client.get_workflow_handle("announced-1").describe()).status is WorkflowExecutionStatus.COMPLETED


async def scheduled(client: Client) -> list[str]:
    """The types of the activities that the saga's workflow has had."""
    history = await client.get_workflow_handle("announced-1").fetch_history()
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]


async def test_without_a_sink_nothing_is_scheduled(client: Client) -> None:
    async with served(client, ScriptedParticipants(), announced) as stage:
        await stage.run(announced, "announced-1")
        await stage.eventually(lambda: has_ended(client))

    assert names.PUBLISH not in await scheduled(client)


async def test_what_is_told_is_what_a_replica_writes_into_its_outbox(client: Client) -> None:
    sink = ScriptedSink()
    async with served(client, ScriptedParticipants(), announced, sink=sink) as stage:
        await stage.run(announced, "announced-1")
        await stage.eventually(lambda: has_ended(client))
        entries = await stage.sagas.entries("announced-1")

    assert [kept.event for kept in sink.told] == outbox_of("announced-1", entries, 0, tells_life=True)
    assert [kept.position for kept in sink.told] == [1, 2, 3, 4, 5]
    assert names.PUBLISH in await scheduled(client)


async def test_a_sink_that_is_away_holds_up_nothing_that_it_does_not_want(client: Client) -> None:
    sink = ScriptedSink()
    sink.wanted = lambda _kind: False
    sink.answer = lambda _event: AWAY
    async with served(client, ScriptedParticipants(), announced, sink=sink) as stage:
        await stage.run(announced, "announced-1")
        await stage.eventually(lambda: has_ended(client))

    assert not sink.asked


async def test_a_workflow_ends_once_its_sink_has_taken_all(client: Client) -> None:
    sink = ScriptedSink()
    sink.answer = lambda _event: AWAY
    async with served(client, ScriptedParticipants(), announced, sink=sink) as stage:
        state = await stage.run(announced, "announced-1")
        still_open = not await has_ended(client)

        sink.answer = lambda _event: None
        await stage.eventually(lambda: has_ended(client))

    assert state.status is Status.COMPLETED
    assert still_open
    assert len({kept.event.event_id for kept in sink.told}) == 5


async def test_an_event_that_the_server_would_not_take_is_given_up_and_holds_up_nothing(client: Client) -> None:
    sink = ScriptedSink()
    async with served(client, ScriptedParticipants(), shouting, sink=sink) as stage:
        state = await stage.run(shouting, "announced-1")
        await stage.eventually(lambda: has_ended(client))
        entries = await stage.sagas.entries("announced-1")

    expected = outbox_of("announced-1", entries, 0, tells_life=True)
    assert state.status is Status.COMPLETED
    assert [kept.event for kept in sink.told] == [each for each in expected if len(each.payload) < len(TOO_LARGE)]
    assert len(sink.told) == len(expected) - 1


async def test_a_terminated_saga_tells_the_rest_when_it_is_resumed(client: Client) -> None:
    sink, participants = ScriptedSink(), ScriptedParticipants()
    async with served(client, participants, announced, sink=sink) as stage:
        answer = stage.hold("CapturePayment")
        await stage.start(announced, "announced-1")
        await answer.asked.wait()
        await stage.eventually(lambda: are_told(sink, 2))
        await client.get_workflow_handle("announced-1").terminate()
        answer.give()

        await stage.sagas.act(Act.RESUME, "announced-1", "that was a mistake", ADA)
        await stage.rests("announced-1")
        await stage.eventually(lambda: has_ended(client))
        entries = await stage.sagas.entries("announced-1")

    told = {kept.event.event_id: kept.event for kept in sink.told}
    assert list(told.values()) == outbox_of("announced-1", entries, 0, tells_life=True)


async def are_told(sink: ScriptedSink, number: int) -> bool:
    return len(sink.told) >= number


async def end_the_second(client: Client, *how: str) -> None:
    """End the activity of the second event with Temporal's own tool, as a person does."""
    about = ("--workflow-id", "announced-1", "--activity-id", "publish_events sink 2")
    server = ("--address", client.service_client.config.target_host, "--namespace", client.namespace)
    tool = await asyncio.create_subprocess_exec(
        str(BIN / "temporal"), "activity", *how, *about, *server, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await tool.communicate()
    assert tool.returncode == 0, said


@pytest.mark.parametrize("result", ["1", "100", '"done"'])
async def test_an_event_that_a_person_completes_with_a_tool_of_temporal_is_passed_over(
    client: Client, result: str
) -> None:
    sink = ScriptedSink()
    sink.answer = lambda kept: REFUSED if kept.position == 2 else None
    async with served(client, ScriptedParticipants(), announced, sink=sink) as stage:
        answer = stage.hold("SendConfirmation")
        await stage.start(announced, "announced-1")
        await stage.eventually(lambda: is_refused(client))
        told_before = await has_told(client, "announced-1", "sink")

        await end_the_second(client, "complete", "--result", result)
        await stage.eventually(lambda: has_told(client, "announced-1", "sink"))
        told_while_open = [kept.position for kept in sink.told]
        answer.give()
        await stage.eventually(lambda: has_ended(client))
        entries = await stage.sagas.entries("announced-1")

    expected: list[OutboxEvent] = outbox_of("announced-1", entries, 0, tells_life=True)
    assert not told_before
    assert told_while_open == [1, 3, 4]
    assert [kept.event for kept in sink.told] == [expected[0], *expected[2:]]


class HesitantSink(ScriptedSink):
    """It thinks about the second event when it hears it first, for as long as it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.thinks = asyncio.Event()
        self.decided = asyncio.Event()

    async def tell(self, event: KeptEvent) -> NotTaken | None:
        if event.position == 2 and not self.thinks.is_set():
            self.thinks.set()
            await self.decided.wait()
            return AWAY
        return await super().tell(event)


async def test_an_event_that_a_person_fails_with_a_tool_of_temporal_is_told_again(client: Client) -> None:
    sink = HesitantSink()
    async with served(client, ScriptedParticipants(), announced, sink=sink) as stage:
        answer = stage.hold("SendConfirmation")
        await stage.start(announced, "announced-1")
        await sink.thinks.wait()
        told_before = await has_told(client, "announced-1", "sink")

        await end_the_second(client, "fail", "--reason", "it takes too long")
        await stage.eventually(lambda: has_told(client, "announced-1", "sink"))
        told_while_open = [kept.position for kept in sink.told]
        sink.decided.set()
        answer.give()
        await stage.eventually(lambda: has_ended(client))
        entries = await stage.sagas.entries("announced-1")

    assert not told_before
    assert told_while_open == [1, 2, 3, 4]
    assert [kept.event for kept in sink.told] == outbox_of("announced-1", entries, 0, tells_life=True)
    assert await not_replayed(client) == []


async def not_replayed(client: Client) -> list[str]:
    """Why histories cannot be replayed by the code as it is."""
    return [each.failure async for each in replay_histories(client, [announced], SystemClock()) if each.failure]


async def test_an_event_that_is_too_large_is_over_once_what_comes_before_it_is_told(client: Client) -> None:
    sink = ScriptedSink()
    sink.answer = lambda _event: AWAY
    async with served(client, ScriptedParticipants(), last_words, sink=sink) as stage:
        stage.hold("SendConfirmation")
        await stage.start(last_words, "announced-1")
        await stage.eventually(lambda: is_asked(sink))
        told_before = await has_told(client, "announced-1", "sink")

        sink.answer = lambda _event: None
        await stage.eventually(lambda: has_told(client, "announced-1", "sink"))

        assert not await has_ended(client)
    assert not told_before
    assert [kept.position for kept in sink.told] == [1, 3]


async def is_asked(sink: ScriptedSink) -> bool:
    return bool(sink.asked)


async def is_refused(client: Client) -> bool:
    described = await client.get_workflow_handle("announced-1").describe()
    return any(
        each.activity_id == "publish_events sink 2"
        and each.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        and each.last_failure.message == REFUSED.error
        for each in described.raw_description.pending_activities
    )
