"""Keeps the schedules of sagas as schedules of Temporal, which says when they start.

A schedule of ours is one of Temporal under the same name. What Temporal does not know of it, such as who did what to
it, is a document that goes with its action; so the workflow that starts a saga is given it, too. Nothing changes but
from the revision that was read. One that was deleted stays, paused, and says who deleted it.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from temporalio import client as t
from temporalio.api.workflowservice.v1 import UpdateScheduleRequest
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import PollerBehaviorSimpleMaximum, UnsandboxedWorkflowRunner, Worker

from orchestrator.engine.schedules.acts import ScheduleActs
from orchestrator.engine.schedules.turn import RECENT, instant_after
from orchestrator.engine.starting import saga_id_of
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.finding.records import record_of
from orchestrator.engine.temporal.schedules.starting import A_TOOL, ScheduledStarts, StartScheduled, pasts_in
from orchestrator.engine.temporal.schedules.timing import asked_of, note_of, queue_of
from orchestrator.engine.temporal.wire import read, write
from orchestrator.errors import InvalidInput, JournalUnavailable, ScheduleExists
from orchestrator.ports.schedule_document import from_document, to_document
from orchestrator.ports.schedules import Pause, ScheduleActKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.schedules import Firing, PastStart, Schedule

_SECOND: Final = 1_000_000_000
_AT_ONCE: Final = 20
_AT_MOST: Final = timedelta(minutes=5)
_STARTS: Final = 50
_REMEMBERED: Final = 50


class Kept(NamedTuple):
    """A schedule as Temporal has it.

    Attributes:
        schedule: without what became of its instants.
        changes: the ids of its latest changes.
        deleted: the uids of those that had its name before.
        described: what Temporal says of it.
    """

    schedule: Schedule
    changes: tuple[str, ...]
    deleted: tuple[str, ...]
    described: t.ScheduleDescription

    @property
    def is_deleted(self) -> bool:
        """Whether it stays only to say who deleted it."""
        return _is_deleted(self.schedule)


def schedules_on(client: t.Client, clock: Clock) -> ScheduleActs:
    """The facade of the schedules of a cluster."""
    kept = KeptOnTemporal(client, clock)
    return ScheduleActs(kept, kept.find_saga)


def workers_of(client: t.Client, starts: ScheduledStarts, definitions: Iterable[str]) -> list[Worker]:
    """What takes the instants of those schedules that start the newest version of a definition."""
    return [
        Worker(
            client,
            task_queue=names.schedules_of(definition),
            workflows=[StartScheduled],
            activities=[starts.decide],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=0,
            workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(1),
            activity_task_poller_behavior=PollerBehaviorSimpleMaximum(1),
        )
        for definition in sorted(definitions)
    ]


async def running_by_hand(client: t.Client, schedule: Schedule) -> list[str]:
    """Those of its sagas that still run and were started by hand: Temporal counts those at its instants itself."""
    query = f"{_started_by(schedule.uid)}run/' AND ExecutionStatus = 'Running'"
    ids = [execution.id async for execution in client.list_workflows(query)]
    return [saga_id_of(schedule.definition, each.rpartition("/")[2]) for each in ids]


class KeptOnTemporal:
    """The :class:`~orchestrator.ports.schedules.KeptSchedules` of a cluster; see the port for each method.

    Args:
        client: of the cluster.
        clock: the time.
    """

    def __init__(self, client: t.Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def store_now(self) -> int:
        """The clock of this process: Temporal tells nobody its own."""
        return self._clock.now()

    async def find_saga(self, saga_id: str) -> SagaRecord | None:
        """The saga of an id, where it was started."""
        async with _told():
            try:
                return await record_of(await self._client.get_workflow_handle(saga_id).describe())
            except RPCError as error:
                _raise_unless_not_found(error)
                return None

    async def create_schedule(self, schedule: Schedule) -> bool:
        """See the port.

        Raises:
            InvalidInput: its input has more bytes than Temporal carries.
            NotOffered: Temporal has no such timetable.
            ScheduleExists: one that starts no sagas has its name.
        """
        _refuse_large(schedule)
        deleted: tuple[str, ...] = ()
        before = await self._look(schedule.name)
        if before is not None:
            if not before.is_deleted or schedule.uid in (*before.deleted, before.schedule.uid):
                return False
            deleted = (*before.deleted, before.schedule.uid)[-_REMEMBERED:]
        wanted = asked_of(schedule, _document(schedule, 1, (), deleted), self._clock.now())
        async with _told():
            if before is not None:
                await self._client.get_schedule_handle(schedule.name).delete()
            try:
                handle = await self._client.create_schedule(schedule.name, wanted)
            except t.ScheduleAlreadyRunningError:
                if await self._look(schedule.name) is None:
                    what = f"the namespace has a schedule {schedule.name!r} that starts no sagas"
                    raise ScheduleExists(schedule.name, "SCHEDULE_EXISTS", what) from None
                return False
            info = (await handle.describe()).info
            if not (schedule.cron or info.next_action_times or info.num_actions):
                # Its only instant came before Temporal had read it, and is to come all the same.
                await handle.backfill(t.ScheduleBackfill(info.created_at - _AT_MOST, info.created_at + _AT_MOST))
        return True

    async def find_schedule(self, name: str) -> Schedule | None:
        """See the port; with what became of its instants, as far as Temporal still knows."""
        kept = await self._look(name)
        if kept is None or kept.is_deleted:
            return None
        starts: dict[tuple[int, str], PastStart] = {}
        running: list[str] = []
        async with _told():
            async for execution in self._client.list_workflows(f"{_started_by(kept.schedule.uid)}'", limit=_STARTS):
                noted = (await execution.memo()).get(names.PAST_MEMO)
                pasts = pasts_in(noted) if noted else []
                starts |= {(past.instant, past.saga_id): past for past in pasts}
                if execution.status is t.WorkflowExecutionStatus.RUNNING:
                    running += [past.saga_id for past in pasts if past.saga_id]
        recent = sorted(starts.values(), key=lambda past: past.noted_at)[-RECENT:]
        return replace(kept.schedule, recent=tuple(recent), running=tuple(reversed(running)))

    async def find_deleted_schedule(self, name: str) -> Schedule | None:
        """See the port."""
        kept = await self._look(name)
        return kept.schedule if kept is not None and kept.is_deleted else None

    async def list_schedules(self, after: str, limit: int) -> Sequence[Schedule]:
        """See the port. A list may be a moment late."""
        async with _told():
            found = [each.id async for each in await self._client.list_schedules() if _is_ours(each.schedule)]
        named = sorted(each for each in found if each > after)
        listed: list[Schedule] = []
        while named and len(listed) < limit:
            page, named = named[:_AT_ONCE], named[_AT_ONCE:]
            listed += filter(None, await asyncio.gather(*map(self.find_schedule, page)))
        return listed[:limit]

    async def replace_schedule(self, schedule: Schedule) -> bool:
        """See the port. What is to be started by hand is started, once that somebody wants it is written down."""
        if not await self._write(schedule):
            return False
        for firing in schedule.firing:
            await self._start(schedule, firing)
        return True

    async def delete_schedule(self, schedule: Schedule) -> bool:
        """See the port: it is paused for ever, and remembered until somebody deletes it with a tool of Temporal."""
        return await self._write(schedule)

    async def _start(self, schedule: Schedule, firing: Firing) -> None:
        """Start a saga by hand, at once: a trigger of Temporal could not be repeated safely."""
        async with _told():
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await self._client.start_workflow(
                    names.START_SCHEDULED,
                    args=[_document(replace(schedule, firing=(firing,)), schedule.revision), schedule.input],
                    id=f"schedule/{schedule.uid}/run/{firing.request_id}",
                    task_queue=queue_of(schedule),
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                )

    async def _look(self, name: str) -> Kept | None:
        """The one of this name, deleted or not; one that starts no sagas is nobody's business here."""
        async with _told():
            try:
                described = await self._client.get_schedule_handle(name).describe()
            except RPCError as error:
                _raise_unless_not_found(error)
                return None
        action: Any = described.schedule.action
        if action.workflow != names.START_SCHEDULED:
            return None
        written, saga_input = await self._client.data_converter.decode(action.args, [bytes, bytes])
        about = read(written)
        schedule = replace(from_document(about["schedule"], about["revision"]), input=saga_input)
        pause = (schedule.pause or _pause_by_a_tool(described)) if described.schedule.state.paused else None
        schedule = replace(schedule, pause=pause, next_at=instant_after(schedule, self._clock.now()))
        return Kept(schedule, tuple(about["changes"]), tuple(about["deleted"]), described)

    async def _write(self, schedule: Schedule) -> bool:
        """Keep a schedule instead of the one that has its revision; whether it is."""
        kept = await self._look(schedule.name)
        there = None if kept is None or kept.is_deleted else (kept.schedule.uid, kept.schedule.revision)
        if kept is None or there != (schedule.uid, schedule.revision):
            return False
        raw = kept.described.raw_description
        changes = (*kept.changes, str(uuid.uuid4()))[-_REMEMBERED:]
        written = _document(replace(schedule, firing=()), schedule.revision + 1, changes, kept.deleted)
        payloads = await self._client.data_converter.encode([written, schedule.input])
        del raw.schedule.action.start_workflow.input.payloads[:]
        raw.schedule.action.start_workflow.input.payloads.extend(payloads)
        raw.schedule.state.paused = schedule.pause is not None or _is_deleted(schedule)
        raw.schedule.state.notes = note_of(schedule)
        async with _told():
            await self._client.workflow_service.update_schedule(
                UpdateScheduleRequest(
                    namespace=self._client.namespace,
                    schedule_id=schedule.name,
                    schedule=raw.schedule,
                    conflict_token=raw.conflict_token,
                    identity=self._client.identity,
                    request_id=changes[-1],
                )
            )
        # The server answers alike where another change came first, and leaves this one out.
        now_there = await self._look(schedule.name)
        return now_there is not None and changes[-1] in now_there.changes


def _document(schedule: Schedule, revision: int, changes: Sequence[str] = (), deleted: Sequence[str] = ()) -> bytes:
    kept = replace(schedule, input=b"", recent=(), running=())
    return write(schedule=to_document(kept), revision=revision, changes=changes, deleted=deleted)


def _started_by(uid: str) -> str:
    return f"WorkflowType = '{names.START_SCHEDULED}' AND WorkflowId STARTS_WITH 'schedule/{uid}/"


def _is_ours(listed: t.ScheduleListSchedule | None) -> bool:
    return listed is not None and getattr(listed.action, "workflow", "") == names.START_SCHEDULED


def _pause_by_a_tool(described: t.ScheduleDescription) -> Pause:
    at = described.info.last_updated_at or described.info.created_at
    return Pause(int(at.timestamp()) * _SECOND, described.schedule.state.note or "", A_TOOL)


def _is_deleted(schedule: Schedule) -> bool:
    return schedule.acts[-1].kind is ScheduleActKind.DELETED


def _refuse_large(schedule: Schedule) -> None:
    if len(schedule.input) > names.MOST_PAYLOAD_BYTES:
        most = names.MOST_PAYLOAD_BYTES
        raise InvalidInput(("schedule.input", f"it has {len(schedule.input)} bytes; Temporal carries {most}"))


def _raise_unless_not_found(error: RPCError) -> None:
    if error.status != RPCStatusCode.NOT_FOUND:
        raise error


@contextlib.asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """Tell an error of Temporal as one of ours."""
    try:
        yield
    except RPCError as error:
        raise JournalUnavailable(f"the Temporal server cannot be asked: {error}") from error
