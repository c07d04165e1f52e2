r"""The workflow that carries one bulk act on, whatever it does to which sagas.

Purpose: thousands of sagas are acted on, whichever workers die. Invariant: what is noted of the bulk act (memo) is so
once a task has ended, a page of sagas after another, and the counts of their answers add up to their number.

::

    dry run, so many at a time ──▶ prepared ──started──▶ acts, so many at a time ──▶ those noted, again ──▶ ended
          │                            │ stopped, or           │ stopped
          └──────────stopped──────┐    │ not started in time   ▼
                                  └────┴──────────────▶ over ◀── those under way have answered

A cancel with a tool of Temporal is a stop. A long history goes on in a new run, from where the round stands.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from temporalio import workflow
from temporalio.common import RetryPolicy

from orchestrator.engine.bulk.stages import OVER, answered, come_through, started, stopped
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.bulk.standing import ACTS, DRY_RUN, INSISTING, Standing
from orchestrator.engine.temporal.hosting.growth import Growth
from orchestrator.engine.temporal.hosting.workflow import SERVING
from orchestrator.engine.temporal.schedules.starting import A_TOOL
from orchestrator.engine.temporal.wire import read, write
from orchestrator.errors import BulkActNotFound, BulkActRefused
from orchestrator.journal.actor import Actor
from orchestrator.ports.bulk_acts import Answer, BulkStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.ports.bulk_acts import BulkAct

_NOBODY: Final = Actor("nobody", "it was not started in time")
_ASKED: Final = timedelta(minutes=10)
_RETRIES: Final = RetryPolicy(
    maximum_interval=timedelta(seconds=10), non_retryable_error_types=[BulkActNotFound.__name__]
)


@workflow.defn(name=names.BULK_ACT, sandboxed=False)
class BulkActWorkflow:
    """Carries one bulk act on."""

    @workflow.init
    def __init__(self, standing: bytes) -> None:
        self._at = Standing.read(standing)
        self._growth = Growth(workflow.extern_functions()[SERVING]().most_events)

    @property
    def _act(self) -> BulkAct:
        return self._at.act

    @workflow.run
    async def run(self, standing: bytes) -> None:  # noqa: ARG002 - read before anything is asked for
        """Carry it on to its end, or to a new run.

        Args:
            standing: how far it has come; see :class:`~orchestrator.engine.temporal.bulk.standing.Standing`.
        """
        await self._ask_all(DRY_RUN, BulkStatus.CHECKING)
        if self._act.status is BulkStatus.CHECKING:
            self._show(come_through(self._act, workflow.time_ns()))
        if self._act.status is BulkStatus.PREPARED:
            await self._wait_for_somebody()
        for number in (ACTS, INSISTING):
            await self._ask_all(number, BulkStatus.RUNNING)
        if self._act.status not in OVER:
            self._show(come_through(self._act, workflow.time_ns()))
        about = write(bulk_id=self._act.bulk_id, total=self._act.total)
        closing = workflow.start_activity(names.CLOSE_BULK, about, start_to_close_timeout=_ASKED)
        await self._until(closing.done)

    @workflow.update(name=names.ACT)
    def change(self, request: bytes) -> bytes:
        """Start or stop it, as its workflow stands; a refusal is an answer."""
        asked, now = read(request), workflow.time_ns()
        by, why = Actor(*asked["by"]), asked["why"]
        try:
            self._show(stopped(self._act, by, now) if why is None else started(self._act, why, by, now))
        except BulkActRefused as refused:
            return write(refused=[refused.reason, str(refused)])
        return self._at.written()

    async def _ask_all(self, number: int, status: BulkStatus) -> None:
        """Ask the sagas that a round is about, while the bulk act stands so."""
        if self._at.round < number:
            self._at = self._at._replace(round=number, after=0)
        while self._at.round == number and self._act.status is status:
            if self._growth.is_long:
                # What was noted before goes on as it was at the start of this run, if nobody says otherwise.
                workflow.continue_as_new(self._at.written(), memo={names.BULK_MEMO: self._at.written()})
            about = write(bulk_id=self._act.bulk_id, round=number, after=self._at.after)
            asking = workflow.start_activity(
                names.ASK_BULK,
                about,
                result_type=bytes,
                start_to_close_timeout=_ASKED,
                heartbeat_timeout=names.HEARTBEAT,
                retry_policy=_RETRIES,
            )
            await self._until(asking.done)
            told = read(await asking)
            if not told["until"]:
                return
            self._at = self._at._replace(after=told["until"])
            self._show(answered(self._act, ((Answer(old), Answer(new)) for old, new in told["changes"])))

    async def _wait_for_somebody(self) -> None:
        """Wait until it is started or stopped; where nobody does, it is over: its dry run is old by then."""
        assert self._act.expires_at is not None
        seconds = (self._act.expires_at - workflow.time_ns()) / 1e9
        await self._until(lambda: self._act.status is not BulkStatus.PREPARED, seconds)
        if self._act.status is BulkStatus.PREPARED:
            self._show(stopped(self._act, _NOBODY, workflow.time_ns()))

    async def _until(self, condition: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait for a condition, or for so long. If the workflow is cancelled by then, the bulk act is stopped."""
        limit = None if seconds is None else timedelta(seconds=max(0.0, seconds))
        while True:
            try:
                return await workflow.wait_condition(condition, timeout=limit)
            except TimeoutError:
                return None
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if workflow.cancellation_reason() is None or task is None:
                    raise
                task.uncancel()
                if self._act.status not in OVER:
                    self._show(stopped(self._act, A_TOOL, workflow.time_ns()))

    def _show(self, act: BulkAct) -> None:
        """Note how it stands now. Once it is over, the cluster forgets it when it forgets workflows."""
        if act is self._act:
            return
        expires_at = None if act.status in OVER else act.expires_at
        shown = replace(act, revision=self._act.revision + 1, expires_at=expires_at)
        self._at = self._at._replace(act=shown)
        workflow.upsert_memo({names.BULK_MEMO: self._at.written()})
