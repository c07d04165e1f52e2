"""Reads the journal of a saga out of its workflow's history: without a worker, and without the saga's code.

Purpose: what is durable can be read when nobody can run the saga, be it that its workflow was ended from outside, that
its code has diverged, or that no worker serves it. Invariant: a part that is missing ends what is read. Parts may
overlap, and one that comes with an answer may stand behind a later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.wire import Live, Pieces, bytes_of, read, read_delta, read_live
from orchestrator.journal.entries import SagaRecovered, SagaSuspended
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CLAIMABLE, UNFINISHED, SagaState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from temporalio.api.common.v1 import Payload
    from temporalio.api.history.v1 import HistoryEvent, WorkflowTaskFailedEventAttributes
    from temporalio.client import Client, WorkflowHandle

    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.entries import Entry

_ENDED_FROM_OUTSIDE = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "terminated",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "ended by a time-out of its workflow",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "failed as a workflow",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "cancelled as a workflow",
}
_DELTA_AT = {
    names.SEND_COMMAND: 2,
    names.AWAIT_CHILD: 2,
    names.ROLL_BACK_CHILD: 2,
    names.PUBLISH: 2,
    names.TELL: 1,
    names.KEEP: 0,
}
_IN_PASSING = frozenset(
    {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_UPDATE,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FAILOVER_CLOSE_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
    }
)
"""So the server itself gives up a task, for another one that knows more."""
_SLOW = "[TMPRL1101]"
"""So the client says that a task took longer than it allows: another worker, or the same one later, goes on with it."""


class ReadHistory(NamedTuple):
    """What a history tells of a saga.

    Attributes:
        entries: its journal, as far as it is in the history.
        state: to which they lead.
        why_ended: how its workflow was ended from outside, in words; empty where it was not.
        diverged: why the latest task of the workflow failed; empty where it did not.
        at: when the latest event was written, nanoseconds since the epoch, UTC.
        waiting: what the saga waits for before it sends something.
        backs_off: an attempt waits for its backoff to end.
    """

    entries: list[Entry]
    state: SagaState
    why_ended: str
    diverged: str
    at: int
    waiting: list[Waiting]
    backs_off: bool

    @property
    def shown(self) -> list[Entry]:
        """The journal; where nobody advances the saga, with last entries that say why.

        With these, its workflow can be begun again. What may have been in flight when the workflow was ended from
        outside is in doubt.
        """
        if not self.entries or not (self.why_ended or self.diverged):
            return self.entries
        if self.state.status not in UNFINISHED:
            return self.entries
        at = max(self.at, self.entries[-1].at)
        code = ReasonCode.DIVERGED if self.diverged else ReasonCode.ENGINE_FAILED
        suspended = SagaSuspended(at, Reason(code, self.why_ended or self.diverged))
        in_flight = bool(self.why_ended) and self.state.status in CLAIMABLE
        return [*self.entries, *([SagaRecovered(at, names.ENGINE)] if in_flight else ()), suspended]

    @property
    def mark(self) -> object:
        """What differs once the history tells something else."""
        stands = self.at if self.why_ended or self.diverged else 0
        return len(self.entries), self.entries[-1:], self.why_ended, self.diverged, stands, self.waiting, self.backs_off


class HistoryFold:
    """Folds the events of one run, one after another, into what they tell of a saga.

    Args:
        saga_id: the saga.

    Attributes:
        latest: the number of the latest event; 0 before the first.
    """

    def __init__(self, saga_id: str) -> None:
        self.latest = 0
        self._at = 0
        self._state = SagaState(saga_id)
        self._journal = _Journal()
        self._pieces = Pieces()
        self._live = Live(b"", [], backs_off=False)
        self._why_ended = self._diverged = ""

    def add(self, event: HistoryEvent) -> None:
        """Fold the event that comes next."""
        self.latest = event.event_id
        self._at = event.event_time.ToNanoseconds()
        for data in _deltas(event):
            if whole := self._pieces.add(data):
                for entry in self._journal.add(*read_delta(whole)):
                    entry.apply(self._state)
        if event.event_type in _ENDED_FROM_OUTSIDE:
            self._why_ended = _ending(event, self._state)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            self._diverged = _divergence(event.workflow_task_failed_event_attributes) or self._diverged
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            self._diverged = ""
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
            self._live = _live(event) or self._live

    @property
    def read(self) -> ReadHistory:
        """What the events tell so far; its entries and its state go on with the events that are folded later."""
        live = self._live
        return ReadHistory(
            self._journal.entries, self._state, self._why_ended, self._diverged, self._at, live.waiting, live.backs_off
        )


async def read_history(client: Client, saga_id: str) -> ReadHistory:
    """The history of a saga's latest run. Raises what the client raises, where there is none."""
    return await read_run(client.get_workflow_handle(saga_id), saga_id)


async def read_run(run: WorkflowHandle[Any, Any], saga_id: str) -> ReadHistory:
    """The history of one run of a saga's workflow. Raises what the client raises, where there is none."""
    folded = HistoryFold(saga_id)
    async for event in run.fetch_history_events():
        folded.add(event)
    return folded.read


async def read_start(client: Client, saga_id: str) -> tuple[Mapping[str, Any], Sequence[Entry]]:
    """Why the latest run is there, and the entries it began with; as little of its history as can be is read."""
    async for event in client.get_workflow_handle(saga_id).fetch_history_events(page_size=1):
        return opening_of(event), [entry for data in _deltas(event) for entry in read_delta(data)[1]]
    return {}, []


def opening_of(start: HistoryEvent) -> Mapping[str, Any]:
    """Why a run is there, from its first event."""
    return read(start.workflow_execution_started_event_attributes.input.payloads[0].data)


def joined(parts: Iterable[tuple[int, list[Entry]]]) -> list[Entry]:
    """A journal from its parts, each with how many entries stand before it."""
    journal = _Journal()
    for first, part in parts:
        journal.add(first, part)
    return journal.entries


class _Journal:
    """A journal that is put together from its parts, in whatever order they come.

    Attributes:
        entries: up to the first that is missing.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._early: list[tuple[int, list[Entry]]] = []

    def add(self, first: int, part: list[Entry]) -> list[Entry]:
        """Add a part before which so many entries stand; the entries that follow those that there were."""
        known = len(self.entries)
        self._early = sorted([*self._early, (first, part)], key=lambda each: each[0])
        while self._early and self._early[0][0] <= len(self.entries):
            first, part = self._early.pop(0)
            self.entries += part[len(self.entries) - first :]
        return self.entries[known:]


def _divergence(failed: WorkflowTaskFailedEventAttributes) -> str:
    """Why a task of the workflow failed; empty where that has nothing to do with its code."""
    message: str = failed.failure.message
    return "" if failed.cause in _IN_PASSING or _SLOW in message else message


def _live(event: HistoryEvent) -> Live | None:
    fields = event.workflow_properties_modified_event_attributes.upserted_memo.fields
    return read_live(fields[names.LIVE_MEMO].data) if names.LIVE_MEMO in fields else None


def _deltas(event: HistoryEvent) -> Iterator[bytes]:
    """The parts of a journal that an event brings."""
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
        live = _live(event)
        if live is not None and live.delta:
            yield live.delta
        return
    for payload in _payloads(event):
        if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
            delta: bytes | None = payload.data
        else:
            delta = bytes_of(read(payload.data).get("delta"))
        if delta:
            yield delta


def _payloads(event: HistoryEvent) -> Iterable[Payload]:
    """The payloads of an event that hold parts of a journal, or nothing."""
    match event.event_type:
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            return event.workflow_execution_started_event_attributes.input.payloads[1:]
        case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            position = _DELTA_AT.get(scheduled.activity_type.name)
            return () if position is None else (scheduled.input.payloads[position],)
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
            return event.workflow_execution_completed_event_attributes.result.payloads
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
            return event.workflow_execution_update_completed_event_attributes.outcome.success.payloads
    return ()


def _ending(event: HistoryEvent, state: SagaState) -> str:
    attributes: Any = event.workflow_execution_terminated_event_attributes
    words = f"the saga was {_ENDED_FROM_OUTSIDE[event.event_type]}, and not by us"
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
        if attributes.reason.startswith(names.TAKEN_OUT):
            return f"the saga {attributes.reason}"
        who = f" by {attributes.identity}" if attributes.identity else ""
        why = f": {attributes.reason}" if attributes.reason else ""
        words = f"the saga was terminated{who} with a tool of Temporal{why}"
    advice = "resume it" if state.rollback else "resume it, or cancel it"
    return f"{words}; nobody advances it, and its effects stand; {advice}"
