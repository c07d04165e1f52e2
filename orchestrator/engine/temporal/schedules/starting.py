"""The workflow that a schedule of Temporal starts: it starts one saga, and stays open until that has ended.

So Temporal sees what still runs, and applies the overlap policy of its schedule. It is a workflow of its own, because
Temporal gives what it starts an id with the time in it, and because the version of the saga, and whether an instant was
missed, are decided when a worker takes it: by the code of replicas, in an activity, since it reads clocks and zones.

::

    Temporal: an instant, or somebody by hand ──▶ start_scheduled ──decide──▶ the saga, a child workflow ──▶ its end
                                                     │    └── nothing, for a reason that is noted
                                                     └── a saga that was started by hand still runs: asked again later
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey, WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

from orchestrator.engine.schedules.firing import past_of, start_of
from orchestrator.engine.schedules.turn import request_id_of, taken
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.hosting.beginning import new_saga, shown_of
from orchestrator.engine.temporal.wire import bytes_of, read, read_delta, text_of, write
from orchestrator.journal.actor import Actor
from orchestrator.journal.fold import fold
from orchestrator.ports.schedule_document import from_document, to_document
from orchestrator.ports.schedules import Firing, Overlap, PastStart, ScheduleActKind, StartOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from orchestrator.engine.definitions import ServedSagas
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.observer import Observer
    from orchestrator.ports.schedules import Schedule

    Running = Callable[[Schedule], Awaitable[Sequence[str]]]

NOMINAL: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
_DECIDE: Final = timedelta(seconds=30)
_NANOSECONDS: Final = 1_000_000_000
_NEAR: Final = 5 * _NANOSECONDS
A_TOOL: Final = Actor("temporal", "a tool of Temporal")


@workflow.defn(name=names.START_SCHEDULED, sandboxed=False)
class StartScheduled:
    """Starts the saga of one instant."""

    @workflow.run
    async def run(self, document: bytes, saga_input: bytes) -> None:
        """Start it, or nothing, and wait for its end.

        Args:
            document: the schedule without its input; by hand, with what is to be started.
            saga_input: its input.
        """
        nominal = workflow.info().typed_search_attributes.get(NOMINAL)
        instant = 0 if nominal is None else _nanoseconds(nominal)
        while True:
            answer: bytes = await workflow.execute_activity(
                names.DECIDE_START,
                args=[document, saga_input, instant],
                result_type=bytes,
                start_to_close_timeout=_DECIDE,
            )
            head, _, first = answer.partition(b"\n")
            decided = read(head)
            if decided["pasts"]:
                break
            document = write(schedule=decided["schedule"])
            await workflow.sleep(decided["seconds"])
        if first:
            await self._start(decided, first)
        else:
            workflow.upsert_memo({names.PAST_MEMO: write(pasts=decided["pasts"])})

    async def _start(self, decided: dict[str, Any], first: bytes) -> None:
        state = fold(decided["saga_id"], read_delta(first)[1])
        attributes, memo = shown_of(state, bytes_of(decided["digest"]) or b"")
        child = None
        with contextlib.suppress(WorkflowAlreadyStartedError):
            child = await workflow.start_child_workflow(
                names.WORKFLOW,
                args=[bytes_of(decided["opening"]), first],
                id=state.saga_id,
                task_queue=names.queue_of(state.definition, state.version),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                cancellation_type=ChildWorkflowCancellationType.ABANDON,
                search_attributes=attributes,
                memo=memo,
            )
        workflow.upsert_memo({names.PAST_MEMO: write(pasts=decided["pasts"])})
        if child is not None:
            with contextlib.suppress(ChildWorkflowError):
                await child


class ScheduledStarts:
    """Decides what an instant comes to, in one worker process.

    Args:
        served: the definitions of this process.
        running: which sagas of a schedule that were started by hand still run.
        observer: says whether a trace is exported.
        clock: the time.
        sinks: the names of those that are told of the events of sagas.
    """

    def __init__(
        self, served: ServedSagas, running: Running, observer: Observer, clock: Clock, sinks: Sequence[str] = ()
    ) -> None:
        self._served = served
        self._running = running
        self._observer = observer
        self._clock = clock
        self._sinks = sinks

    @activity.defn(name=names.DECIDE_START)
    async def decide(self, document: bytes, saga_input: bytes, instant: int) -> bytes:
        """What is to be started, with the first entry of its journal; or why nothing is; or when to ask again."""
        now = self._clock.now()
        schedule = replace(from_document(read(document)["schedule"], 0), input=saga_input)
        if schedule.acts[-1].kind is ScheduleActKind.DELETED:
            return _noted([PastStart(instant, StartOutcome.REFUSED, now, message="it is deleted")])
        if not schedule.firing and schedule.buffered is None:
            schedule = _at(schedule, instant, now)
        if not schedule.firing and schedule.overlap is not Overlap.ALLOW_ALL:
            schedule = replace(schedule, running=tuple(await self._running(schedule)))
        decided = taken(schedule, now, schedule.running)
        if decided.firing:
            return self._started(decided, decided.firing[0], now)
        if decided.recent:
            return _noted(decided.recent)
        kept = replace(decided, input=b"", next_at=None if decided.buffered else decided.next_at)
        return write(pasts=[], schedule=to_document(kept), seconds=max(0, decided.not_before - now) / _NANOSECONDS)

    def _started(self, schedule: Schedule, firing: Firing, now: int) -> bytes:
        served = self._served.find(schedule.definition, schedule.version)
        assert served is not None, "only what is served here is in the task queues of this worker"
        start = start_of(schedule, firing, served)
        pasts = [*schedule.recent, past_of(firing, start, now)]
        if isinstance(start, str):
            return _noted(pasts)
        sampled = self._observer.samples(start.saga_id, start.traceparent)
        opening, first, *_ = new_saga(start, served, now, sampled=sampled, sinks=self._sinks)
        about = {"saga_id": start.saga_id, "digest": text_of(start.digest), "opening": text_of(opening)}
        return _noted(pasts, **about) + b"\n" + first


def _at(schedule: Schedule, instant: int, now: int) -> Schedule:
    """The schedule at an instant of its timetable; where it is none, somebody wants a start with a tool of Temporal."""
    by_a_tool = instant % (60 * _NANOSECONDS) if schedule.cron else abs(instant - schedule.at) > _NEAR
    if by_a_tool:
        request_id = request_id_of(schedule.uid, activity.info().workflow_id or "")
        return replace(schedule, firing=(Firing(now, request_id, A_TOOL),))
    return replace(schedule, next_at=instant if schedule.cron else schedule.at)


def _noted(pasts: Iterable[PastStart], **more: object) -> bytes:
    return write(pasts=[[*past._replace(outcome=past.outcome.value)] for past in pasts], **more)  # type: ignore[arg-type]  # as a number


def pasts_in(memo: bytes) -> list[PastStart]:
    """What became of an instant, as its workflow has noted it; before it, what was missed with it."""
    return [PastStart(instant, StartOutcome(outcome), *rest) for instant, outcome, *rest in read(memo)["pasts"]]


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp()) * _NANOSECONDS
