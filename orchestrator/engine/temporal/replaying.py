"""Replays histories, live ones or exported, against the code at hand: with Temporal's own replayer. Nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.bulk.control import LISTED
from orchestrator.engine.temporal.bulk.pages import BulkPage
from orchestrator.engine.temporal.bulk.workflow import BulkActWorkflow
from orchestrator.engine.temporal.finding.records import query_of
from orchestrator.engine.temporal.hosting.task_groups import order_task_groups
from orchestrator.engine.temporal.hosting.workflow import SagaWorkflow
from orchestrator.engine.temporal.opening import HandOver, WorkerOptions, hosting_of
from orchestrator.engine.temporal.schedules.starting import StartScheduled
from orchestrator.errors import SettingsError
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from temporalio.client import Client

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.ports.clock import Clock

    Definition = SagaDefinition[Any, Any, Any]


class Replayed(NamedTuple):
    """What came of one replay.

    Attributes:
        saga_id: the saga, the workflow by which a schedule has started one, or that of a bulk act.
        failure: both sides of a divergence, or what else is wrong; empty where the code follows the history.
    """

    saga_id: str
    failure: str


def replayer_of(definitions: Sequence[Definition], clock: Clock) -> Replayer:
    """What replays the histories of sagas of these definitions."""
    order_task_groups()
    return Replayer(
        workflows=[SagaWorkflow, StartScheduled, BulkActWorkflow, BulkPage],
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[HandOver(hosting_of(definitions, WorkerOptions(), clock))],
    )


async def replay_histories(client: Client, definitions: Sequence[Definition], clock: Clock) -> AsyncIterator[Replayed]:
    """Replay the histories of a cluster's sagas, and of what schedules have started, as far as they are served.

    And those of its bulk acts: any worker carries them on.
    """
    replayer = replayer_of(definitions, clock)
    versions = sorted({(each.name, each.version) for each in definitions})
    of_schedules = f"WorkflowType = '{names.START_SCHEDULED}' AND TaskQueue = "
    for query in (
        *(query_of(SagaFilter(definition=name, version=version)) for name, version in versions),
        *(f"{of_schedules}'{names.schedules_of(name)}'" for name in sorted({name for name, _ in versions})),
        LISTED,
        f"WorkflowType = '{names.BULK_PAGE}'",
    ):
        async for execution in client.list_workflows(query):
            handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
            yield await _replayed(replayer, await handle.fetch_history())


async def replay_exported(definitions: Sequence[Definition], clock: Clock, path: Path) -> Replayed:
    """Replay a history that Temporal's tools have exported as JSON; its saga is named as the file is.

    Raises:
        SettingsError: the file holds no history.
    """
    return await _replayed(replayer_of(definitions, clock), _exported(path))


def _exported(path: Path) -> WorkflowHistory:
    try:
        return WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"{path} holds no history: {error}") from None


async def _replayed(replayer: Replayer, history: WorkflowHistory) -> Replayed:
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return Replayed(history.workflow_id, "" if result.replay_failure is None else str(result.replay_failure))
