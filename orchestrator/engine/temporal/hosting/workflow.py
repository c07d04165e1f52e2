r"""The one workflow that hosts any saga. It is generic: what it runs, its worker says.

Purpose: begins the saga, lets it act, and ends with it. Invariant: what it asks of the server follows from its history:
time, chance and answers come from there, and code that asks for something else is stopped.

::

    run ──▶ HostedSaga ──rests──▶ the observer is told ──▶ ended: the workflow ends (a child once its parent lets it)
               ▲ │                          │
               │ └─ long ──▶ a new run      └──▶ suspended, parked: it waits for an act, a signal, a time
               └──────────────────────────────────────────────────────┘

The sandbox of Temporal is not used: the determinism check of ``orchestrator check`` takes its place. Two workers whose
code differs are noticed by the names of activities, which hold a digest of their requests and of all that the code has
done before; then this task fails, is tried again until the code is back, and nothing is sent.

Nobody asks a workflow how its saga stands: all of that is in the history once a task of the workflow has ended. For the
server's client lets a query see events that no task has seen yet, and what the code makes of them then, with the time
of the task before, a replay would not make of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.hosting.answering import Answering
from orchestrator.engine.temporal.hosting.beginning import new_saga
from orchestrator.engine.temporal.hosting.brought import Brought
from orchestrator.engine.temporal.hosting.growth import Growth
from orchestrator.engine.temporal.hosting.hosted import HostedSaga
from orchestrator.engine.temporal.hosting.outgoing import Outgoing
from orchestrator.engine.temporal.hosting.publishing import Publishing
from orchestrator.engine.temporal.hosting.showing import Showing
from orchestrator.engine.temporal.wire import read, read_delta, text_of, write, write_delta
from orchestrator.errors import ActRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.keys import child_id, idempotency_key
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CLAIMABLE, ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine.definitions import ServedSaga
    from orchestrator.engine.sagas import StartSaga
    from orchestrator.engine.temporal.hosting.serving import Serving

SERVING: Final = "orchestrator_serving"
"""Under this name a worker hands what it serves to the workflows that it hosts."""

_LAST_EVENTS_SECONDS: Final = 1.0
_TELL: Final = timedelta(minutes=1)
_TELL_AT_MOST: Final = timedelta(hours=1)
_TEXT_BYTES: Final = 600_000
"""By so many, what just fits beside them grows when it is written as text."""

_FULL: Final = (
    "its journal is larger than Temporal carries into a new run, and this run has come near to its most; "
    "cancel it while there is room for its rollback, or resume it, and the server may end it"
)


@workflow.defn(name=names.WORKFLOW, sandboxed=False)
class SagaWorkflow:
    """Hosts one saga.

    Attributes:
        saga: the saga; ``None`` until the workflow begins.
    """

    def __init__(self) -> None:
        self.saga: HostedSaga | None = None
        self._publishing: Publishing | None = None
        self._answering: Answering | None = None
        self._cancelling: asyncio.Future[None] | None = None
        self._cancel_why = ""
        self._brought = Brought()
        self._showing: Showing | None = None
        self._growth = Growth(names.RUN_EVENTS)
        self._children: dict[str, None] = {}

    @workflow.run
    async def run(self, opening: bytes, journal: bytes) -> bytes:
        """Host the saga to its end, or to a new run; the entries that are not in the history yet.

        Args:
            opening: why the workflow is there: a start, a run that was too long, or one after whose end the saga rests.
            journal: its entries so far.
        """
        told = read(opening)
        entries = read_delta(journal)[1]
        serving: Serving = workflow.extern_functions()[SERVING]()
        saga_id, chance, published = workflow.info().workflow_id, workflow.random().random, told.get("published", {})
        self.saga = saga = HostedSaga(
            serving, saga_id, entries, chance, self._appended, Outgoing(), tells=bool(published)
        )
        self._answering = Answering(saga, serving)
        self._publishing = Publishing(saga, published)
        self._publishing.go_on()
        self._showing = showing = Showing(saga)
        self._growth = Growth(serving.most_events)
        saga.told = told.get("told", 0)
        if told["why"] == "start":
            saga.begin()
        elif saga.state.status in CLAIMABLE:
            saga.go_on()
        if why := told.get("cancel"):
            self._cancel(why)
        writing = asyncio.ensure_future(showing.write_down())
        try:
            return await self._hear_cancels(asyncio.ensure_future(self._host(saga)))
        finally:
            writing.cancel()

    async def _hear_cancels(self, hosting: asyncio.Task[bytes]) -> bytes:
        """Wait until the saga is over. If the workflow is cancelled by then, so is the saga, by an act.

        The saga is hosted in a task of its own, so that a cancel interrupts nothing of that, wherever it is.
        """
        heard = False
        while not hosting.done():
            try:
                await workflow.wait_condition(hosting.done)
            except asyncio.CancelledError:
                task, why = asyncio.current_task(), workflow.cancellation_reason()
                if heard or why is None or task is None:
                    raise  # the worker forgets the workflow
                task.uncancel()
                heard = True
                self._cancel(why or "cancelled with a tool of Temporal")
        return hosting.result()

    def _cancel(self, why: str) -> None:
        """Cancel the saga, beside all else; a new run goes on with that where it is not done by then."""
        self._cancel_why = self._cancel_why or why
        if self._cancelling is None or self._cancelling.done():
            self._cancelling = asyncio.ensure_future(self._cancel_from_outside())

    async def _cancel_from_outside(self) -> None:
        assert self._answering is not None
        try:
            await self._answering.cancel(self._cancel_why, Actor("temporal", "a tool of Temporal"))
        except ActRefused as refused:
            workflow.logger.warning("a cancel with a tool of Temporal is refused: %s", refused)
        self._cancel_why = ""

    async def _host(self, saga: HostedSaga) -> bytes:
        while True:
            await self._until(lambda: saga.executor is None or self._growth.is_long or self._growth.is_full, saga)
            if saga.executor is not None:
                await self._stop_where_long(saga)
            if saga.failed is not None:
                raise saga.failed
            if saga.executor is not None:
                continue  # it rested when that was looked at, and has been resumed since
            if not saga.left:
                await self._tell(saga)
            if saga.executor is not None:
                continue
            if saga.left or (self._growth.is_long and not self._is_over(saga)):
                await self._leave(saga)
                continue
            if self._is_over(saga):
                await self._end(saga)
                return b"" if saga.journal.are_flushed else await saga.journal.flush()
            await self._until(lambda: saga.executor is not None or self._is_over(saga), saga, saga.due_in)
            if saga.due_in == 0.0:
                saga.go_on(saga.wake("timer"))

    async def _stop_where_long(self, saga: HostedSaga) -> None:
        """Where the run has become long, stop the saga: to go on in a new run, or in front of an operator."""
        if self._growth.is_full:
            self._growth.was_full = True
            await saga.suspend(Reason(ReasonCode.ENGINE_FAILED, _FULL))
        elif self._growth.is_long:
            saga.leave()
            await self._until(lambda: saga.executor is None, saga)
            saga.leaving = saga.left

    async def _until(self, condition: Callable[[], bool], saga: HostedSaga, seconds: float | None = None) -> None:
        """Wait for a condition, or for so long."""
        until = saga.timers.after(seconds or 0.0)
        try:
            await workflow.wait_condition(condition, timeout=None if seconds is None else timedelta(seconds=seconds))
        except TimeoutError:
            saga.timers.has_passed(until)

    def _is_over(self, saga: HostedSaga) -> bool:
        """Nothing follows. A child that has completed may still be rolled back with its parent."""
        if saga.executor is not None or saga.state.status not in ENDED:
            return False
        assert self._answering is not None
        return self._answering.released or not saga.state.parent_id or saga.state.status is not Status.COMPLETED

    async def _tell(self, saga: HostedSaga) -> None:
        """Have the observer told of what is new, and put that into the history.

        It is no local activity, because a replay may put the end of that after an act that had come later.
        """
        if saga.told == len(saga.entries) and saga.journal.are_flushed:
            return
        told, saga.told = saga.told, len(saga.entries)
        telling = workflow.start_activity(
            names.TELL,
            args=[write(told=told, until=saga.told), await saga.journal.flush_whole(names.SMALL_BYTES)],
            start_to_close_timeout=_TELL,
            schedule_to_close_timeout=_TELL_AT_MOST,
            heartbeat_timeout=names.HEARTBEAT,
        )
        await self._until(telling.done, saga)
        if not telling.cancelled() and (error := telling.exception()) is not None:
            workflow.logger.warning("the observer was not told: %s", error)

    async def _leave(self, saga: HostedSaga) -> None:
        """Go on in a new run, which is given the journal; or stay, where Temporal does not carry so much."""
        publishing = self._publishing
        assert publishing is not None
        saga.leaving = True
        await self._until(workflow.all_handlers_finished, saga)
        journal = write_delta(0, saga.entries)
        if len(journal) > names.MOST_TOGETHER_BYTES:
            self._growth.stays = True
            saga.stay()
            return
        publishing.stop()
        await saga.outgoing.have_room(len(journal))
        if publishing.is_busy:  # what is not taken by then, the new run tells again
            await self._until(lambda: not publishing.is_busy, saga, _LAST_EVENTS_SECONDS)
        opening = write(why="carried", told=saga.told, published=publishing.published, cancel=self._cancel_why)
        # Notes go on as they were at the start of this run, if nobody says otherwise; the journal has what is live.
        memo = {name: value for name, value in workflow.memo().items() if name != names.LIVE_MEMO}
        workflow.continue_as_new(args=[opening, journal], memo=memo)

    async def _end(self, saga: HostedSaga) -> None:
        children = [
            child_id(idempotency_key(saga.state.saga_id, command.key))
            for command in saga.state.commands.values()
            if command.method.startswith(f"{SERVICE}.")
        ]
        if children:
            release = workflow.start_activity(
                names.RELEASE_CHILDREN, args=[write(ids=children)], start_to_close_timeout=_TELL
            )
            await self._until(release.done, saga)
        publishing = self._publishing
        assert publishing is not None
        await self._until(lambda: publishing.is_done and workflow.all_handlers_finished(), saga)

    def _appended(self) -> None:
        """What is new is told to those who are to hear of it."""
        if self._publishing is not None:
            self._publishing.go_on()
        if self._showing is not None:
            self._showing.show()

    @workflow.update(name=names.ACT)
    async def act(self, request: bytes) -> bytes:
        """Do what is asked for; a refusal is an answer, because an error would fail the workflow's task for ever."""
        await workflow.wait_condition(lambda: self._answering is not None)
        saga, answering = self.saga, self._answering
        assert saga is not None
        assert answering is not None
        answer: dict[str, Any] = {}
        asked = self._brought.take(request)
        try:
            if asked is None or not await answering.do(asked):
                answer["again"] = True
        except ActRefused as error:
            answer["refused"] = [type(error).__name__, error.reason, str(error)]
        return write(**answer, delta=text_of(await saga.journal.flush(_TEXT_BYTES)))

    @workflow.signal(name=names.BRING)
    def bring(self, said: bytes) -> None:
        """What an act says that comes next, and is too large for its request."""
        self._brought.keep(said)

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        assert self.saga is not None
        return self.saga.clock.now()

    async def start_child(self, start: StartSaga, served: ServedSaga) -> None:
        """Start a child workflow, unless it is there; it outlives this run, and a termination of its parent."""
        if start.saga_id in self._children:
            return
        assert self.saga is not None
        assert self._publishing is not None
        opening, first, attributes, memo = new_saga(
            start, served, self.now(), sampled=self.saga.state.sampled, sinks=self._publishing.published
        )
        await self.saga.outgoing.have_room(len(first))
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                names.WORKFLOW,
                args=[opening, first],
                id=start.saga_id,
                task_queue=names.queue_of(start.definition, start.version),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                search_attributes=attributes,
                memo=memo,
            )
        self._children[start.saga_id] = None
