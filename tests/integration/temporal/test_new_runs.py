"""An act that comes as a saga goes on in a new run of its workflow is done once, and its answer says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from temporalio.api.enums.v1 import EventType

from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.opening import WorkerOptions
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import SagaResumed
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA
from orchestrator.testing.conformance.engines.sagas import approved, trip
from orchestrator.testing.world.participants import ScriptedParticipants
from tests.integration.temporal.test_from_outside import acts_heard_of, served
from tests.support.long_histories import grown, runs_of

if TYPE_CHECKING:
    from temporalio.client import Client

    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROUNDS = 12
"""About every second of them falls together with the beginning of a run."""


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


async def test_a_saga_that_is_resumed_as_a_run_begins_is_resumed_once(client: Client) -> None:
    options = WorkerOptions(most_events=20, grace=0.0)
    async with served(client, ScriptedParticipants(), approved, options=options) as stage:
        await stage.start(approved, "saga-1")
        await stage.comes_to("saga-1", Status.WAITING)
        for _ in range(ROUNDS):
            await stage.sagas.act(Act.PAUSE, "saga-1", "wait", ADA)
            await stage.sagas.act(Act.RESUME, "saga-1", "go on", ADA)

        entries = await stage.sagas.entries("saga-1")
        assert sum(isinstance(entry, SagaResumed) for entry in entries) == ROUNDS
        described = await client.get_workflow_handle("saga-1").describe()
        assert described.run_id != described.raw_info.first_run_id, "it has gone on in a new run"
        await stage.sagas.act(Act.CANCEL, "saga-1", "enough", ADA)
        await stage.comes_to("saga-1", Status.COMPENSATED)


async def test_an_act_that_comes_as_the_saga_leaves_waits_for_that_and_is_done_by_the_next_run(client: Client) -> None:
    options = WorkerOptions(most_events=30, grace=0.0)
    async with served(client, ScriptedParticipants(), trip, options=options) as stage:
        answer, next_one = stage.hold("AuthorizePayment"), stage.hold("ArrangeShipment")
        await stage.start(trip, "trip-1")
        await answer.asked.wait()
        await grown(client, "trip-1", options.most_events)

        pausing = asyncio.ensure_future(stage.sagas.act(Act.PAUSE, "trip-1", "wait", ADA))
        await stage.eventually(lambda: has_heard_of_two(client))
        history = await client.get_workflow_handle("trip-1").fetch_history()
        answer.give()
        await next_one.asked.wait()
        await stage.eventually(lambda: acts_heard_of(client, "trip-1"))
        next_one.give()
        state = await pausing

        kinds = [event.event_type for event in history.events]
        assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED not in kinds, "it would be asked again at once"
        assert state.status is Status.SUSPENDED
        assert await runs_of(client, "trip-1") == 2


async def has_heard_of_two(client: Client) -> bool:
    return await acts_heard_of(client, "trip-1") >= 2
