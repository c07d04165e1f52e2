"""The facade of the bulk acts of a cluster: no worker is needed to see one, and any to prepare, start or stop it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDReusePolicy

from orchestrator.engine.bulk.bookkeeping import bulk_id_at, refuse_more, tell
from orchestrator.engine.bulk.stages import OVER, frozen, new_bulk_act, started, stopped
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.bulk.pages import Pages
from orchestrator.engine.temporal.bulk.standing import Standing
from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.finding.records import is_broken
from orchestrator.engine.temporal.schedules.starting import A_TOOL
from orchestrator.engine.temporal.wire import read, write
from orchestrator.errors import BulkActNotFound, BulkActRefused, InvalidInput, JournalError, NobodyAnswers, SagaNotFound
from orchestrator.ports.bulk_acts import MOVED_ON, BulkStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from temporalio.client import Client, WorkflowExecution

    from orchestrator.engine.bulk.facade import BulkActs, NewBulkAct
    from orchestrator.journal.actor import Actor
    from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga
    from orchestrator.ports.clock import Clock

LISTED: Final = f"WorkflowType = '{names.BULK_ACT}' AND ExecutionStatus != 'ContinuedAsNew'"
"""The query of all bulk acts, in the language of Temporal's lists."""

_PATIENCE_SECONDS: Final = 15.0
_WATCH_SECONDS: Final = 0.25


def bulk_acts_on(client: Client, clock: Clock) -> BulkActs:
    """The facade of the bulk acts of a cluster."""
    return BulkActsOnTemporal(client, Pages(client), clock)


class BulkActsOnTemporal:
    """The bulk acts of one cluster; see the facade for each method.

    Args:
        client: of the cluster.
        pages: their sagas.
        clock: the time.
    """

    def __init__(self, client: Client, pages: Pages, clock: Clock) -> None:
        self._client = client
        self._pages = pages
        self._clock = clock

    async def prepare(self, new: NewBulkAct, pages: AsyncIterator[Sequence[str]]) -> BulkAct:
        """See the facade. It is seen once all of its sagas are written down."""
        act = new_bulk_act(bulk_id_at(self._clock.now()), new, self._clock.now())
        if (size := len(Standing(act).written())) > names.SMALL_BYTES:
            raise InvalidInput(("decision.reply", f"with it, it has {size} bytes; it may have {names.SMALL_BYTES}"))
        number = 0
        try:
            async for page in _full(pages):
                refuse_more(number + len(page))
                await self._pages.keep(act.bulk_id, number + 1, page)
                number += len(page)
        except BaseException:
            with contextlib.suppress(JournalError):
                await self._pages.close(act.bulk_id, number)
            raise
        act = frozen(act, number, self._clock.now())
        async with told_as_journal_errors(act.bulk_id):
            await self._client.start_workflow(
                names.BULK_ACT,
                Standing(act).written(),
                id=_workflow_id(act.bulk_id),
                task_queue=names.BULK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                memo={names.BULK_MEMO: Standing(act).written()},
            )
        tell(act, "prepared", new.prepared_by)
        return act

    async def get(self, bulk_id: str) -> BulkAct:
        """See the facade."""
        act = None
        with contextlib.suppress(SagaNotFound):
            async with told_as_journal_errors(bulk_id):
                act = await _shown(await self._client.get_workflow_handle(_workflow_id(bulk_id)).describe())
        if act is None:
            raise BulkActNotFound(bulk_id)
        return act

    async def list_before(self, bulk_id: str, limit: int) -> Sequence[BulkAct]:
        """See the facade. A list may be a moment late."""
        found: dict[str, BulkAct] = {}
        async with told_as_journal_errors(""):
            async for execution in self._client.list_workflows(LISTED):
                act = await _shown(execution)
                if act is not None and (not bulk_id or act.bulk_id < bulk_id):
                    found.setdefault(act.bulk_id, act)
        return [found[each] for each in sorted(found, reverse=True)[:limit]]

    async def start(self, bulk_id: str, why: str, by: Actor) -> BulkAct:
        """See the facade."""
        return await self._change(bulk_id, why, by)

    async def stop(self, bulk_id: str, by: Actor) -> BulkAct:
        """See the facade."""
        return await self._change(bulk_id, None, by)

    async def watch(self, bulk_id: str) -> AsyncIterator[BulkAct]:
        """See the facade."""
        seen: BulkAct | None = None
        while seen is None or seen.status in MOVED_ON:
            act = await self.get(bulk_id)
            if act != seen:
                yield act
            seen = act
            await self._clock.sleep(_WATCH_SECONDS)

    async def sagas(self, bulk_id: str, after: int, limit: int, answers: Collection[Answer] = ()) -> Sequence[BulkSaga]:
        """See the facade."""
        return await self._pages.sagas(await self.get(bulk_id), after, limit, answers)

    async def _change(self, bulk_id: str, why: str | None, by: Actor) -> BulkAct:
        """Start it, or stop it where nobody says why; as it stands then."""
        while True:
            act, now = await self.get(bulk_id), self._clock.now()
            if (stopped(act, by, now) if why is None else started(act, why, by, now)) is act:
                return act
            answer = await self._asked(bulk_id, write(why=why, by=by))
            if answer is not None:
                act = _changed(bulk_id, answer)
                tell(act, "stopped" if why is None else "started", by)
                return act

    async def _asked(self, bulk_id: str, request: bytes) -> bytes | None:
        """What its workflow answers; ``None`` where that has ended.

        Raises:
            NobodyAnswers: no worker has taken it: it may be done later, or not.
        """
        handle = self._client.get_workflow_handle(_workflow_id(bulk_id))
        try:
            async with told_as_journal_errors(bulk_id), asyncio.timeout(_PATIENCE_SECONDS):
                answer: bytes = await handle.execute_update(names.ACT, request, result_type=bytes)
        except SagaNotFound:
            return None
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise NobodyAnswers(f"no worker answers for bulk act {bulk_id}: does any process serve sagas?") from None
        return answer


async def _full(pages: AsyncIterator[Sequence[str]]) -> AsyncIterator[Sequence[str]]:
    """The same sagas in pages of which all but the last are full."""
    page: list[str] = []
    async for more in pages:
        page += more
        while len(page) > names.BULK_PAGE_SAGAS:
            yield page[: names.BULK_PAGE_SAGAS]
            del page[: names.BULK_PAGE_SAGAS]
    if page:
        yield page


async def _shown(execution: WorkflowExecution) -> BulkAct | None:
    """The bulk act of a workflow; where somebody has ended that from outside, it is stopped."""
    standing = (await execution.memo()).get(names.BULK_MEMO)
    if standing is None:
        return None
    act = Standing.read(standing).act
    if not is_broken(execution) or act.status in OVER:
        return act
    assert execution.close_time is not None
    ended_at = int(execution.close_time.timestamp() * 1e9)
    return replace(act, status=BulkStatus.STOPPED, stopped_by=A_TOOL, ended_at=ended_at, expires_at=None)


def _changed(bulk_id: str, answer: bytes) -> BulkAct:
    """As it stands after a change.

    Raises:
        BulkActRefused: its workflow says so.
    """
    told = read(answer)
    if "refused" in told:
        reason, message = told["refused"]
        raise BulkActRefused(bulk_id, reason, message)
    return Standing.read(answer).act


def _workflow_id(bulk_id: str) -> str:
    return f"bulk/{bulk_id}"
