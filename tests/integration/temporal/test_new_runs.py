"""An act that comes as a saga goes on in a new run of its workflow is done once, and its answer says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.opening import WorkerOptions
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import SagaResumed
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA
from orchestrator.testing.conformance.engines.sagas import approved
from orchestrator.testing.world.participants import ScriptedParticipants
from tests.integration.temporal.test_from_outside import served

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
