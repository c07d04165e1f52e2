"""Makes the history of a saga's workflow long, while the saga itself stands still."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from temporalio.client import WorkflowUpdateStage

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.wire import write
from orchestrator.journal.acts import Act
from orchestrator.testing.conformance.engines.answers import ADA

if TYPE_CHECKING:
    from temporalio.client import Client

PATIENCE_SECONDS: Final = 60.0


async def grown(client: Client, saga_id: str, events: int) -> None:
    """Let the latest run have more events than that, and notice it: by an act, whose answer nobody waits for.

    It is grown by signals of Temporal, which wake nothing; a second act would be held back.
    """
    handle = client.get_workflow_handle(saga_id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await handle.describe()).history_length <= events:
            await handle.signal("unheard")
        request = write(act=Act.RETRY_NOW.name, why="it backs off from nothing", by=ADA)
        await handle.start_update(names.ACT, request, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=bytes)


async def runs_of(client: Client, saga_id: str) -> int:
    """In how many runs the saga has been, each of which was told by the one before to go on."""
    handle, runs = client.get_workflow_handle(saga_id), 1
    run_id = (await handle.describe()).run_id
    while run_id:
        events = client.get_workflow_handle(saga_id, run_id=run_id).fetch_history_events(page_size=1)
        first = await anext(events)
        run_id = first.workflow_execution_started_event_attributes.continued_execution_run_id
        runs += bool(run_id)
    return runs
