"""The sagas of a bulk act: each thousand of them is kept by a workflow that does nothing but have a history.

It is started with their ids. What sagas answer comes as signals, which are durable at once, and each of which
says in which round that was. So a round that is repeated, because its worker died, finds all as it stood before it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.common import WorkflowIDReusePolicy

from orchestrator.engine.bulk.stages import OVER_NANOSECONDS
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.bulk.standing import ROUNDS
from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.wire import read, write
from orchestrator.errors import BulkActNotFound, SagaNotFound
from orchestrator.ports.bulk_acts import Answer, BulkSaga
from orchestrator.ports.bulk_document import from_row, to_row

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from temporalio.client import Client

    from orchestrator.ports.bulk_acts import BulkAct

_OPEN_AT_MOST: Final = timedelta(microseconds=OVER_NANOSECONDS // 1_000)
"""Where nobody closes it, because somebody has terminated its bulk act, or the caller died who prepared that."""


@workflow.defn(name=names.BULK_PAGE, sandboxed=False)
class BulkPage:
    """Stays open for as long as its bulk act may have more to note."""

    def __init__(self) -> None:
        self._closed = False

    @workflow.run
    async def run(self, page: bytes) -> None:  # noqa: ARG002 - it is in the history
        """Wait for the end.

        Args:
            page: the position of the first saga, and the ids.
        """
        await workflow.wait_condition(lambda: self._closed)

    @workflow.signal(name=names.ANSWERS)
    def note(self, answers: bytes) -> None:
        """The history keeps them."""

    @workflow.signal(name=names.CLOSE)
    def close(self) -> None:
        """No more come."""
        self._closed = True


class Pages:
    """The sagas of the bulk acts of one cluster. Each method may raise JournalUnavailable.

    Args:
        client: of the cluster.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def keep(self, bulk_id: str, first: int, saga_ids: Sequence[str]) -> None:
        """Keep a page of sagas; all but the last are full.

        Args:
            bulk_id: the bulk act.
            first: the position of the first of them, from 1.
            saga_ids: the sagas.
        """
        async with told_as_journal_errors(bulk_id):
            await self._client.start_workflow(
                names.BULK_PAGE,
                write(first=first, ids=saga_ids),
                id=_page_id(bulk_id, first),
                task_queue=names.BULK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                execution_timeout=_OPEN_AT_MOST,
            )

    async def sagas(
        self, act: BulkAct, after: int, limit: int, answers: Collection[Answer], before: int = len(ROUNDS)
    ) -> list[BulkSaga]:
        """So many sagas at most, by position, from the one after this position on.

        Args:
            act: the bulk act.
            after: the position.
            limit: how many at most.
            answers: only those with one of these answers; empty for all.
            before: as they stood before this round.

        Raises:
            BulkActNotFound: the cluster has forgotten them.
        """
        found: list[BulkSaga] = []
        while after < act.total and len(found) < limit:
            page = await self._read(act.bulk_id, after + 1, before)
            found += [saga for saga in page if saga.position > after and (not answers or saga.answer in answers)]
            after = page[-1].position
        return found[:limit]

    async def note(self, bulk_id: str, number: int, sagas: Sequence[BulkSaga]) -> None:
        """Note what sagas, in the order of their positions, have answered in a round."""
        for page_id, noted in groupby(sagas, lambda saga: _page_id(bulk_id, saga.position)):
            await self._signal(page_id, names.ANSWERS, write(round=number, sagas=[to_row(saga) for saga in noted]))

    async def close(self, bulk_id: str, total: int) -> None:
        """Let the workflows end that keep so many sagas."""
        firsts = range(1, total + 1, names.BULK_PAGE_SAGAS)
        await asyncio.gather(*(self._signal(_page_id(bulk_id, first), names.CLOSE) for first in firsts))

    async def _signal(self, page_id: str, signal: str, *said: bytes) -> None:
        """One that somebody has ended with a tool of Temporal keeps what it had."""
        try:
            async with told_as_journal_errors(page_id):
                await self._client.get_workflow_handle(page_id).signal(signal, args=said)
        except SagaNotFound:
            return

    async def _read(self, bulk_id: str, position: int, before: int) -> list[BulkSaga]:
        """All sagas of the page that holds this position, as they stood before a round."""
        page: dict[int, BulkSaga] = {}
        try:
            async with told_as_journal_errors(bulk_id):
                history = await self._client.get_workflow_handle(_page_id(bulk_id, position)).fetch_history()
        except SagaNotFound:
            raise BulkActNotFound(bulk_id) from None
        for event in history.events:
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                kept = read(event.workflow_execution_started_event_attributes.input.payloads[0].data)
                page = {at: BulkSaga(at, saga_id) for at, saga_id in enumerate(kept["ids"], kept["first"])}
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                signaled = event.workflow_execution_signaled_event_attributes
                noted = read(signaled.input.payloads[0].data) if signaled.signal_name == names.ANSWERS else None
                if noted is not None and noted["round"] < before:
                    page |= {saga.position: saga for saga in map(from_row, noted["sagas"])}
        return list(page.values())


def _page_id(bulk_id: str, position: int) -> str:
    return f"bulk/{bulk_id}/{(position - 1) // names.BULK_PAGE_SAGAS + 1}"
