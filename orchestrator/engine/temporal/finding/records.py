"""Finds sagas by search attributes, and reads of a listed workflow what lists show of a saga.

What the server cannot ask is asked here, of each page: a text in a reason, and the children behind a prefix. So a page
may be shorter than was wished, and has a next one all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from temporalio.client import WorkflowExecutionStatus

from orchestrator.engine.temporal import keys, names
from orchestrator.engine.temporal.wire import read
from orchestrator.journal.cause import Cause
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import UNFINISHED, Status
from orchestrator.ports import criteria as c
from orchestrator.ports.catalogue import SagaRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporalio.client import WorkflowExecution

    from orchestrator.ports.catalogue import SagaFilter

_BROKEN: Final = ("Terminated", "Failed", "TimedOut", "Canceled")
_BROKEN_STATUSES: Final = frozenset(
    {
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
        WorkflowExecutionStatus.CANCELED,
    }
)
_TASKS_FAIL: Final = "category=WorkflowTaskFailed"
_OURS: Final = f"WorkflowType = '{names.WORKFLOW}' AND ExecutionStatus != 'ContinuedAsNew'"


def query_of(where: SagaFilter, *, problems: bool = False) -> str:
    """The query of a filter, in the language of Temporal's lists; what it cannot say is left out.

    Args:
        where: the filter.
        problems: the server tells whose tasks fail again and again.
    """
    asked = (_asked(criterion, problems=problems) for criterion in where.criteria)
    return " AND ".join([_OURS, *filter(None, asked)])


def other_than(definitions: Iterable[str]) -> str:
    """The query of all sagas but those of these definitions."""
    return " AND ".join([_OURS, *(f"{names.DEFINITION} != {_quoted(name)}" for name in sorted(definitions))])


def _asked(criterion: c.Criterion, *, problems: bool) -> str:  # noqa: C901, PLR0911, PLR0912 - a table
    match criterion:
        case c.DefinitionIs(name):
            return f"{names.DEFINITION} = {_quoted(name)}"
        case c.VersionIs(version):
            return f"{names.VERSION} = '{version}'"
        case c.StatusIn(statuses):
            return _status_in(statuses, problems=problems)
        case c.StartedFrom(instant):
            return f"{names.STARTED_AT} >= {instant}"
        case c.StartedBefore(instant):
            return f"{names.STARTED_AT} < {instant}"
        case c.EndedFrom(instant):
            return f"{names.ENDED_AT} >= {instant}"
        case c.EndedBefore(instant):
            return f"{names.ENDED_AT} < {instant}"
        case c.HasAttribute(name, value):
            return f"{names.ATTRIBUTES} = {_quoted(f'{name}={value}')}"
        case c.IdBegins(prefix):
            return f"WorkflowId STARTS_WITH {_quoted(prefix)}"
        case c.IsQueued():
            return "WorkflowId = ''"  # none is: there are task queues instead
        case c.FailedCommandIs(method):
            return f"{names.COMMAND} = {_quoted(method)}"
        case c.ReasonIs(code):
            return f"{names.REASON} = {_quoted(code)}"
        case c.ReasonContains():
            return ""
        case _:
            assert_never(criterion)


def _status_in(statuses: Iterable[Status], *, problems: bool) -> str:
    """A saga that should go on, and whose workflow was ended from outside or cannot go on, waits for an operator."""
    wanted = frozenset(statuses)
    ways = []
    failing = f"{names.PROBLEMS} = {_quoted(_TASKS_FAIL)}"
    going = f" AND ({names.PROBLEMS} IS NULL OR {names.PROBLEMS} != {_quoted(_TASKS_FAIL)})" if problems else ""
    broken = f"ExecutionStatus IN ({', '.join(map(_quoted, _BROKEN))})"
    if alive := sorted(each.name for each in wanted & UNFINISHED):
        ways.append(f"({_any_of(alive)} AND ExecutionStatus = 'Running'{going})")
    if rest := sorted(each.name for each in wanted - UNFINISHED):
        ways.append(_any_of(rest))
    if Status.SUSPENDED in wanted:
        stopped = f"({broken} OR {failing})" if problems else broken
        ways.append(f"({_any_of(sorted(each.name for each in UNFINISHED))} AND {stopped})")
    return f"({' OR '.join(ways)})"


def _any_of(statuses: Iterable[str]) -> str:
    return f"{names.STATUS} IN ({', '.join(map(_quoted, statuses))})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


async def record_of(execution: WorkflowExecution) -> SagaRecord | None:
    """A listed workflow as a saga; ``None`` where another program has started it."""
    found = execution.typed_search_attributes
    definition, status = found.get(keys.DEFINITION), found.get(keys.STATUS)
    if definition is None or status is None:
        return None
    memo = await execution.memo()
    cause = _cause(memo.get(names.CAUSE_MEMO)) if found.get(keys.REASON) else None
    shown = Status[status]
    if is_broken(execution) and shown in UNFINISHED:
        shown = Status.SUSPENDED
        cause = cause or Cause(ReasonCode.ENGINE_FAILED, "", "its workflow was ended with a tool of Temporal", 0)
    elif shown in UNFINISHED and _TASKS_FAIL in (found.get(keys.PROBLEMS) or ()):
        shown, cause = Status.SUSPENDED, Cause(ReasonCode.DIVERGED, "", "its workflow cannot go on; show tells why", 0)
    pairs = (each.partition("=") for each in found.get(keys.ATTRIBUTES) or ())
    return SagaRecord(
        saga_id=execution.id,
        definition=definition,
        version=int(found.get(keys.VERSION) or 0),
        status=shown,
        digest=memo.get(names.DIGEST_MEMO, b""),
        started_at=memo.get(names.STARTED_MEMO) or found.get(keys.STARTED_AT) or 0,
        ended_at=found.get(keys.ENDED_AT),
        attributes=tuple((name, value) for name, _, value in pairs),
        sequence=execution.history_length,
        cause=cause,
    )


def is_broken(execution: WorkflowExecution) -> bool:
    """The workflow was ended from outside."""
    return execution.status in _BROKEN_STATUSES


def _cause(told: bytes | None) -> Cause | None:
    if told is None:
        return None
    values = read(told)
    return Cause(**{**values, "code": ReasonCode(values["code"])})
