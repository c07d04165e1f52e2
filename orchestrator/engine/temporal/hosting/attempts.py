"""Makes attempts from within the workflow that is running: each is an activity, whose outcome is a value."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from orchestrator.analysis.plan.child_command import ROLLBACK
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.starting import child_start
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.hosting.beginning import new_saga
from orchestrator.engine.temporal.wire import read_answer, text_of, write
from orchestrator.journal.keys import child_id
from orchestrator.journal.outcome import Failure, Rejected, Unknown

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.engine.definitions import ServedSaga
    from orchestrator.engine.temporal.hosting.workflow import SagaWorkflow
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Caller

_ONCE: Final = RetryPolicy(maximum_attempts=1)
_GRACE_SECONDS: Final = 30.0
_TOMBSTONE: Final = "child-tombstone"
"""It holds instants and what the child's definition says by now, which is not what the code of its parent has done."""


def caller_of(command: Command) -> Caller:
    """Makes one attempt at a command, by an activity of the workflow that is running."""

    async def call(request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the port's
        return await _attempt(names.SEND_COMMAND, command, request, metadata, timeout)

    return call


async def _attempt(
    activity: str,
    command: Command,
    request: bytes,
    metadata: tuple[tuple[str, str], ...],
    timeout: float,  # noqa: ASYNC109 - the port's
) -> Outcome:
    running: SagaWorkflow = workflow.instance()
    saga = running.saga
    assert saga is not None
    if len(request) > names.MOST_PAYLOAD_BYTES:
        return Rejected(too_large("the request", len(request)), echoed=True)
    about = write(method=command.name, metadata=metadata, timeout=timeout)
    counted = (text for pair in metadata if pair[0] != _TOMBSTONE for text in pair)
    digest = saga.journal.digest(command.name, *counted, request)
    delta = await saga.journal.flush(len(about) + len(request))
    try:
        data: bytes = await workflow.execute_activity(
            activity,
            args=[about, request, delta],
            # With another id than the history holds, the server's client refuses to go on: the code has diverged.
            activity_id=f"{dict(metadata)['idempotency-key']}~{digest}",
            start_to_close_timeout=timedelta(seconds=timeout + _GRACE_SECONDS),
            heartbeat_timeout=names.HEARTBEAT,
            retry_policy=_ONCE,
            result_type=bytes,
        )
    except ActivityError as error:
        # The worker that made the attempt is gone, and so is what it has heard.
        return Unknown(Failure(StatusCode.UNAVAILABLE, f"the attempt was lost: {error.cause or error}", "ATTEMPT_LOST"))
    answered = read_answer(data)
    saga.clock.note(answered.ended_at)
    return answered.outcome


def child_caller_of(command: Command, served: ServedSaga) -> Caller:
    """Makes one attempt at a child: it is a child workflow, for whose end, or rollback, an activity waits."""

    async def call(request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109 - the port's
        running: SagaWorkflow = workflow.instance()
        known = dict(metadata)
        start = child_start(served, child_id(known.get("compensates") or known["idempotency-key"]), request, known)
        if len(request) > names.MOST_CHILD_BYTES:
            return Rejected(too_large("the child's input", len(request), names.MOST_CHILD_BYTES), echoed=True)
        if command.method.endswith(ROLLBACK):
            tombstone = text_of(new_saga(start, served, running.now(), tombstone=True)[1])
            about = (*metadata, ("child-id", start.saga_id), (_TOMBSTONE, tombstone or ""))
            return await _attempt(names.ROLL_BACK_CHILD, command, b"", about, timeout)
        await running.start_child(start, served)
        return await _attempt(names.AWAIT_CHILD, command, b"", (*metadata, ("child-id", start.saga_id)), timeout)

    return call


def too_large(what: str, size: int, most: int = names.MOST_PAYLOAD_BYTES) -> Failure:
    """Temporal does not carry so much."""
    return Failure(StatusCode.RESOURCE_EXHAUSTED, f"{what} has {size} bytes; Temporal carries {most}", "TOO_LARGE")
