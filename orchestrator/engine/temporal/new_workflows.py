"""Starts the workflows of sagas: of a new one, of one that was rolled back before its start, of one nobody advances.

Invariant: of one id there is one saga. The server starts no second workflow of an id beside one that is open, and a new
run after one that has ended only where that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.errors import InvalidInput, SagaExists

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.engine.sagas import StartSaga
    from orchestrator.engine.temporal.hosting.beginning import Beginning


class NewWorkflows:
    """Starts workflows on one cluster; every method may raise JournalUnavailable.

    Args:
        client: of that.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, start: StartSaga, beginning: Beginning) -> bool:
        """Start that of a new saga; whether it was: it was not where the same request has started it before.

        Raises:
            InvalidInput: its input is larger than Temporal carries.
            SagaExists: another request has started a saga of this id.
        """
        if (size := len(start.input)) > names.MOST_PAYLOAD_BYTES:
            raise InvalidInput(("input", f"it has {size} bytes; Temporal carries {names.MOST_PAYLOAD_BYTES}"))
        saga_id, queue = start.saga_id, names.queue_of(start.definition, start.version)
        if await self.begin(saga_id, queue, beginning, eager=True):
            return True
        async with told_as_journal_errors(saga_id):
            described = await self._client.get_workflow_handle(saga_id).describe()
            if (await described.memo()).get(names.DIGEST_MEMO) != start.digest:
                raise SagaExists(saga_id, f"saga {saga_id} was started by the same request id with another content")
        return False

    async def begin(
        self,
        saga_id: str,
        queue: str,
        beginning: Beginning,
        *,
        eager: bool = False,
        reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.REJECT_DUPLICATE,
    ) -> bool:
        """Start a workflow; whether it was: it is not where there is one of this id that stands in the way.

        Args:
            saga_id: its saga.
            queue: the task queue from which workers take it.
            beginning: what it is started with.
            eager: a worker behind the same client may take it at once.
            reuse: after which ends of another one. One that is open is always in the way.
        """
        async with told_as_journal_errors(saga_id):
            try:
                await self._client.start_workflow(
                    names.WORKFLOW,
                    args=[beginning.opening, beginning.first],
                    id=saga_id,
                    task_queue=queue,
                    id_reuse_policy=reuse,
                    request_eager_start=eager,
                    search_attributes=beginning.attributes,
                    memo=beginning.memo,
                )
            except WorkflowAlreadyStartedError:
                return False
        return True
