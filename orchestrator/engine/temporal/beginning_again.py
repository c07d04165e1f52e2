r"""Begins the workflow of a saga again, where the saga may go on and its workflow cannot: in a new run, at rest.

Purpose: what can be done to a suspended saga, or to a child that has completed, can be done whatever became of its
workflow. Invariant: the new run has the whole journal of the one before, and none begins over a run that somebody else
has begun.

::

    it was ended from outside ──────────────────┐
    its code has diverged: we terminate it ─────┼──▶ its history is read ──▶ a new run, at rest ──▶ asked for an act
    of a child whose parent had let it end ─────┘                       └──▶ one is there by now ──▶ that is asked
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from temporalio.client import WorkflowExecutionStatus
from temporalio.common import WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.finding.history import read_run, read_start
from orchestrator.engine.temporal.hosting.beginning import Beginning, shown_of
from orchestrator.engine.temporal.wire import write, write_delta
from orchestrator.errors import NotOffered
from orchestrator.journal.fold import fold
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowHandle

    from orchestrator.engine.temporal.finding.history import ReadHistory
    from orchestrator.engine.temporal.new_workflows import NewWorkflows

_LONGEST_WHY: Final = 500


class BeginningAgain:
    """Begins the workflows of one cluster again.

    Args:
        client: of that.
        new_workflows: starts them.
    """

    def __init__(self, client: Client, new_workflows: NewWorkflows) -> None:
        self._client = client
        self._new_workflows = new_workflows

    async def begin(self, saga_id: str) -> None:
        """Begin the workflow of a saga again; nothing where it goes on, because somebody else has begun it.

        Raises:
            NotOffered: its journal is larger than Temporal gives a new run. Nothing has changed.
            SagaNotFound: there is no saga of this id.
            JournalUnavailable: the server cannot be asked.
        """
        async with told_as_journal_errors(saga_id):
            described = await self._client.get_workflow_handle(saga_id).describe()
            digest = (await described.memo()).get(names.DIGEST_MEMO, b"")
            # What it has told since that run began, it tells again: with the same ids.
            published = (await read_start(self._client, saga_id))[0].get("published", {})
            run = self._client.get_workflow_handle(saga_id, run_id=described.run_id)
            found = await read_run(run, saga_id)
            is_open = described.status is WorkflowExecutionStatus.RUNNING
            if is_open and not found.diverged:
                return
            journal = _journal_of(saga_id, found)
            if is_open:
                await _take_out(run, found.diverged)
                found = await read_run(run, saga_id)  # it may have come further, where its code was back for a moment
                journal = _journal_of(saga_id, found)
        state = fold(saga_id, found.shown)
        opening = write(why="rest", told=0, published=published)
        queue = names.queue_of(state.definition, state.version)
        await self._new_workflows.begin(
            saga_id,
            queue,
            Beginning(opening, journal, *shown_of(state, digest)),
            reuse=_after(described.status, state.status),
        )


async def _take_out(run: WorkflowHandle[Any, Any], why: str) -> None:
    """End a run whose code has diverged, before its history is read: it can go no further then."""
    try:
        await run.terminate(f"{names.TAKEN_OUT}: {why[:_LONGEST_WHY]}")
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise  # else somebody has ended it by now


def _after(run: WorkflowExecutionStatus | None, saga: Status | None) -> WorkflowIDReusePolicy:
    """After which ends of a run a new one may begin: that of a child that has completed may have ended by itself."""
    if run is WorkflowExecutionStatus.COMPLETED and saga is Status.COMPLETED:
        return WorkflowIDReusePolicy.ALLOW_DUPLICATE
    return WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY


def _journal_of(saga_id: str, found: ReadHistory) -> bytes:
    journal = write_delta(0, found.shown)
    if len(journal) > names.MOST_TOGETHER_BYTES:
        raise NotOffered(
            f"the journal of saga {saga_id} has {len(journal)} bytes, and Temporal gives a new run "
            f"{names.MOST_TOGETHER_BYTES} at most"
        )
    return journal
