"""The sagas that have ended on a cluster, for a journal that is to keep them; see :mod:`orchestrator.ports.history`.

Invariant: only what will never go on is read. A workflow that is open may go on, also where its saga has completed: its
parent may have it rolled back. And one that was ended from outside can be resumed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from temporalio.client import WorkflowExecutionStatus

from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.finding.history import read_history
from orchestrator.engine.temporal.finding.records import query_of, record_of
from orchestrator.errors import JournalsDiffer, SagaNotFound
from orchestrator.journal.fold import fold
from orchestrator.journal.state import ENDED
from orchestrator.ports.catalogue import SagaFilter, SagaRecord
from orchestrator.ports.history import EndedList, WholeSaga

if TYPE_CHECKING:
    from temporalio.client import Client


class EndedOnCluster:
    """The sagas that have ended on one cluster.

    Args:
        client: of that.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._digests: dict[str, bytes] = {}

    async def ended(self) -> EndedList:
        """See the port."""
        started: dict[str, int] = {}
        others: dict[str, str] = {}
        async with told_as_journal_errors(""):
            async for execution in self._client.list_workflows(query_of(SagaFilter())):
                record = await record_of(execution)
                if record is None or record.saga_id in started or record.saga_id in others:
                    continue  # no saga of ours, or an earlier run of one: the latest is listed first
                is_open = execution.status is WorkflowExecutionStatus.RUNNING
                if record.status in ENDED and not is_open:
                    started[record.saga_id] = record.started_at
                    self._digests[record.saga_id] = record.digest
                else:
                    still = " and still open" if record.status in ENDED else ""
                    others[record.saga_id] = f"{record.status.name.lower().replace('_', ' ')}{still}"
        return EndedList(sorted(started, key=lambda saga_id: (started[saga_id], saga_id)), Counter(others.values()))

    async def read(self, saga_id: str) -> WholeSaga:
        """See the port."""
        try:
            async with told_as_journal_errors(saga_id):
                entries = (await read_history(self._client, saga_id)).entries
        except SagaNotFound:
            entries = []
        state = fold(saga_id, entries)
        if not entries or state.status not in ENDED:
            raise JournalsDiffer(saga_id, "its history is gone, or does not hold its end")
        record = SagaRecord(
            saga_id,
            state.definition,
            state.version,
            state.status,
            self._digests[saga_id],
            state.started_at,
            state.ended_at,
            state.attributes,
            len(entries),
            cause=state.cause,
        )
        return WholeSaga(record, entries)
