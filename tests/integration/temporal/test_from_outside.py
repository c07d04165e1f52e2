"""What others do to workflows with Temporal's own tools, and what the engine makes of it."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from temporalio.api.enums.v1 import EventType

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.engine.sagas import WaitReason
from orchestrator.engine.temporal.bulk.control import bulk_acts_on
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.finding.asking import Workflows
from orchestrator.engine.temporal.finding.history import read_history
from orchestrator.engine.temporal.opening import WorkerOptions, opened
from orchestrator.engine.temporal.replaying import replay_exported, replay_histories
from orchestrator.engine.temporal.schedules.kept import schedules_on
from orchestrator.errors import ActRefused, JournalUnavailable, NotOffered, SettingsError
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import AttemptFailed
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.testing.conformance.engines.answers import ADA, BUSY_FOR_LONG
from orchestrator.testing.conformance.engines.harness import Stage
from orchestrator.testing.conformance.engines.sagas import BACKWARD, FORWARD, RECODED, sleepy, trip
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.sink import ScriptedSink
from orchestrator.testing.world.virtual_loop import Process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path
    from typing import Any

    from temporalio.client import Client

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.sagas import Sagas
    from orchestrator.engine.temporal.sagas import TemporalSagas
    from orchestrator.journal.entries import Entry
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # The SDK's own: a workflow was ended from outside while an attempt of it was in flight.
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel"),
]


class Workers:
    """The workers of one process, which is not restarted."""

    def __init__(self, sagas: TemporalSagas, client: Client) -> None:
        self.sagas = sagas
        self.schedules = schedules_on(client, SystemClock())
        self.bulk = bulk_acts_on(client, SystemClock())

    async def restart(self, definitions: Sequence[SagaDefinition[Any, Any, Any]] | None = None) -> None:
        raise AssertionError(f"nobody restarts it with {definitions}")


@asynccontextmanager
async def served(
    client: Client,
    participants: ScriptedParticipants,
    *definitions: SagaDefinition[Any, Any, Any],
    options: WorkerOptions | None = None,
    sink: ScriptedSink | None = None,
) -> AsyncIterator[Stage]:
    observer = RecordingObserver()
    network = NetworkConnection(participants, Process("worker"))
    options = options or WorkerOptions(grace=0.0)
    sinks = [] if sink is None else [sink]
    async with opened(client, definitions, network, observer, SystemClock(), options, sinks=sinks) as sagas:
        stage = Stage(Workers(sagas, client), participants, observer, sink or ScriptedSink())
        try:
            yield stage
        finally:
            stage.release()


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def test_a_saga_costs_the_server_an_activity_for_each_command_and_one_for_its_trace(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await stage.run(trip, "trip-1")
        workflow = client.get_workflow_handle("trip-1")
        await workflow.result()  # it ends after the saga
        history = await workflow.fetch_history()

    kinds = Counter(event.event_type for event in history.events)
    assert kinds[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED] == len(FORWARD) + 1
    assert kinds[EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED] == len(FORWARD) + 2
    assert len(stage.observer.entries["trip-1"]) == len((await read_history(client, "trip-1")).entries)


async def test_a_namespace_that_the_server_does_not_know_yet_is_no_lost_saga(client: Client) -> None:
    elsewhere = await connect(f"temporal://{client.service_client.config.target_host}/not-there-yet")

    with pytest.raises(JournalUnavailable, match="not-there-yet"):
        await Workflows(elsewhere).look("trip-1")


async def acts_heard_of(client: Client, saga_id: str) -> int:
    """How many acts the latest run of a saga's workflow has begun to do."""
    history = await client.get_workflow_handle(saga_id).fetch_history()
    accepted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    return sum(event.event_type == accepted for event in history.events)


async def has_heard_of_its_cancel(client: Client, saga_id: str) -> bool:
    """Whether a task of the workflow has followed the request."""
    history = await client.get_workflow_handle(saga_id).fetch_history()
    kinds = [event.event_type for event in history.events]
    requested = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
    return requested in kinds and EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in kinds[kinds.index(requested) :]


async def test_a_cancel_with_temporals_own_tools_rolls_back(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()

        await client.get_workflow_handle("trip-1").cancel()
        await stage.eventually(lambda: has_heard_of_its_cancel(client, "trip-1"))
        answer.give()
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPENSATED
    assert state.rollback is not None
    assert (state.rollback.code, state.rollback.requested_by) == (ReasonCode.CANCELLED, "temporal")
    assert stage.participants.methods() == [*FORWARD[:3], *BACKWARD[1:]]


async def test_a_cancel_with_temporals_own_tools_after_the_pivot_changes_nothing(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        answer = stage.hold("SendConfirmation")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()

        await client.get_workflow_handle("trip-1").cancel()
        await stage.eventually(lambda: has_heard_of_its_cancel(client, "trip-1"))
        answer.give()
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPLETED
    assert tuple(stage.participants.methods()) == FORWARD


async def test_a_terminated_saga_is_shown_with_who_and_why_and_goes_on_when_it_is_resumed(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        await client.get_workflow_handle("trip-1").terminate(reason="somebody was in a hurry")

        shown = await stage.sagas.get("trip-1")
        await stage.eventually(lambda: is_listed_as_suspended(stage))
        answer.give()
        await stage.sagas.act(Act.RESUME, "trip-1", "that was a mistake", ADA)
        state = await stage.rests("trip-1")

    assert shown.status is Status.SUSPENDED
    assert shown.reason is not None
    assert "somebody was in a hurry" in shown.reason.message
    assert state.status is Status.COMPLETED
    assert len(stage.participants.of("ReserveStock")) == 1
    assert len({call.key for call in stage.participants.of("AuthorizePayment")}) == 1


async def is_listed_as_suspended(stage: Stage) -> bool:
    found, _ = await stage.sagas.search(SagaFilter(statuses=frozenset({Status.SUSPENDED})), 10, "")
    running, _ = await stage.sagas.search(SagaFilter(statuses=frozenset({Status.RUNNING})), 10, "")
    return [each.saga_id for each in found] == ["trip-1"] and not running


async def test_a_terminated_saga_can_be_rolled_back(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        await client.get_workflow_handle("trip-1").terminate()
        answer.give()

        await stage.sagas.act(Act.CANCEL, "trip-1", "rather not", ADA)
        state = await stage.rests("trip-1")

    assert state.status is Status.COMPENSATED
    assert stage.participants.methods()[-1] == "ReleaseStock"
    assert stage.participants.of("VoidAuthorization"), "what was in flight is in doubt, and compensated"


async def test_a_saga_whose_code_has_diverged_can_be_rolled_back_as_its_journal_says(client: Client) -> None:
    participants = ScriptedParticipants()
    async with served(client, participants, sleepy) as stage:
        await stage.start(sleepy, "sleepy-1")
        await stage.eventually(lambda: was_sent(participants, "ReserveStock"))
    recoded = next(each for each in RECODED if each.name == "sleepy")
    async with served(client, participants, recoded) as stage:
        await stage.comes_to("sleepy-1", Status.SUSPENDED)

        with pytest.raises(NotOffered, match="serve its version"):
            await stage.sagas.act(Act.RESUME, "sleepy-1", "try again", ADA)
        await stage.sagas.act(Act.CANCEL, "sleepy-1", "its code is gone", ADA)
        state = await stage.rests("sleepy-1")

    assert state.status is Status.COMPENSATED
    assert participants.methods()[-1] == "ReleaseStock"
    assert not participants.of("ArrangeShipment")


async def are_told(entries: Sequence[Entry]) -> bool:
    return bool(entries)


async def was_sent(participants: ScriptedParticipants, method: str) -> bool:
    return bool(participants.of(method))


async def test_the_history_tells_the_journal_without_a_worker_and_the_replayer_accepts_it(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await stage.run(trip, "trip-1")
        told = stage.observer.entries["trip-1"]
        await stage.eventually(lambda: are_told(told))

    read = await read_history(client, "trip-1")
    replayed = [each async for each in replay_histories(client, [trip], SystemClock())]

    assert read.entries == told
    assert [(each.saga_id, each.failure) for each in replayed] == [("trip-1", "")]


async def test_what_a_saga_waits_for_is_told_without_a_worker(client: Client) -> None:
    participants = ScriptedParticipants()
    participants.scripts["ReserveStock"] = [BUSY_FOR_LONG]
    async with served(client, participants, trip) as stage:
        await stage.start(trip, "trip-1")
        await stage.eventually(lambda: waits(stage.sagas))

    async with served(client, ScriptedParticipants(), sleepy) as elsewhere:  # nobody here could ask the workflow
        entries = await elsewhere.sagas.entries("trip-1")
        (wait,) = elsewhere.sagas.waiting(await elsewhere.sagas.get("trip-1"))

    failed = entries[-1]
    assert isinstance(failed, AttemptFailed)
    assert (failed.key, failed.attempt, failed.failure.reason) == ("InventoryService.ReserveStock#1", 1, "BUSY")
    assert (wait.reason, wait.key, wait.attempt) == (WaitReason.BACKOFF, "InventoryService.ReserveStock#1", 2)
    assert wait.until - failed.at > 30 * 1_000_000_000


async def waits(sagas: Sagas) -> bool:
    return bool(sagas.waiting(await sagas.get("trip-1")))


async def test_an_exported_history_is_replayed_without_a_server(client: Client, tmp_path: Path) -> None:
    async with served(client, ScriptedParticipants(), trip, sleepy) as stage:
        await stage.run(trip, "trip-1")
        await stage.eventually(lambda: are_told(stage.observer.entries["trip-1"]))
    exported = tmp_path / "trip-1.json"
    exported.write_text((await client.get_workflow_handle("trip-1").fetch_history()).to_json())
    (tmp_path / "none.json").write_text("{")

    replayed = await replay_exported([trip], SystemClock(), exported)

    assert replayed == ("trip-1", "")
    with pytest.raises(SettingsError):
        await replay_exported([trip], SystemClock(), tmp_path / "none.json")


async def test_the_replayer_shows_both_sides_of_code_that_has_diverged(client: Client) -> None:
    async with served(client, ScriptedParticipants(), sleepy) as stage:
        await stage.run(sleepy, "sleepy-1")
    recoded = next(each for each in RECODED if each.name == "sleepy")

    (replayed,) = [each async for each in replay_histories(client, [recoded], SystemClock())]

    assert "ReserveStock" in replayed.failure
    assert "ArrangeShipment" in replayed.failure


async def test_an_act_on_a_saga_whose_workflow_has_ended_is_refused_by_its_history(client: Client) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        await stage.run(trip, "trip-1")
        await stage.eventually(lambda: are_told(stage.observer.entries["trip-1"]))
        with pytest.raises(ActRefused):
            await stage.sagas.act(Act.PAUSE, "trip-1", "too late", ADA)
