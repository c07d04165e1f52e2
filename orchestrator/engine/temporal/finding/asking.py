"""Asks about a saga what its history tells, and its workflow for acts, which are updates with typed answers.

For an act, a worker must be there to answer. The history needs none.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.service import RPCError, RPCStatusCode

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.finding.history import read_history
from orchestrator.engine.temporal.hosting.brought import bring
from orchestrator.engine.temporal.wire import read, write
from orchestrator.errors import (
    ActNoted,
    ActRefused,
    CancelRefused,
    JournalUnavailable,
    NobodyAnswers,
    RequestIdUsed,
    SagaNotFound,
    SignalTypeDiffers,
    UnknownSignal,
)
from orchestrator.journal.fold import fold
from orchestrator.journal.state import CLAIMABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from temporalio.client import Client, WorkflowUpdateHandle

    from orchestrator.engine.sagas import Waiting
    from orchestrator.engine.temporal.finding.history import ReadHistory
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState, Status

_KINDS: Final = {
    kind.__name__: kind for kind in (ActRefused, CancelRefused, UnknownSignal, SignalTypeDiffers, RequestIdUsed)
}
_AGAIN_SECONDS: Final = 0.05
_SHORTEST_PATIENCE_SECONDS: Final = 15.0
"""So long an act waits at least for a worker: one that was killed is given up after seconds."""


class Asked(NamedTuple):
    """A saga as it stands.

    Attributes:
        entries: its journal.
        state: to which they lead.
        waiting: what it waits for before it sends something, where it is being advanced.
        backs_off: an attempt waits for its backoff to end.
        diverged: the workflow is there, and cannot go on, because its code has diverged.
        by_journal: its status, whatever became of its workflow; ``state`` is suspended where nobody advances it.
    """

    entries: list[Entry]
    state: SagaState
    waiting: list[Waiting]
    backs_off: bool = False
    diverged: bool = False
    by_journal: Status | None = None

    @classmethod
    def of(cls, saga_id: str, found: ReadHistory) -> Asked:
        """What a history tells of the saga."""
        shown, status = found.shown, found.state.status
        diverged = bool(found.diverged) and not found.why_ended
        if shown is not found.entries:
            return cls(shown, fold(saga_id, shown), [], diverged=diverged, by_journal=status)
        if status not in CLAIMABLE:
            return cls(shown, found.state, [], diverged=diverged, by_journal=status)
        return cls(shown, found.state, found.waiting, found.backs_off, by_journal=status)


@contextlib.asynccontextmanager
async def told_as_journal_errors(saga_id: str) -> AsyncIterator[None]:
    """Tell an error of Temporal as one of ours."""
    try:
        yield
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND and not _lacks_namespace(error):
            raise SagaNotFound(saga_id) from None
        raise JournalUnavailable(f"the Temporal server cannot be asked: {error}") from error


def _lacks_namespace(error: RPCError) -> bool:
    """A server that has just started does not know its namespaces for a moment; then it knows no saga either."""
    return any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)


class Workflows:
    """The workflows of sagas on one cluster.

    Args:
        client: of that.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def look(self, saga_id: str) -> Asked:
        """A saga as it stands: as its history tells, which needs no worker, and nothing of the saga's code.

        Raises:
            SagaNotFound: there is none of this id.
            JournalUnavailable: the server cannot be asked.
        """
        async with told_as_journal_errors(saga_id):
            return Asked.of(saga_id, await read_history(self._client, saga_id))

    async def act(self, saga_id: str, act: str, why: str, by: Actor, patience: float, **more: object) -> bool:
        """Have something done by the workflow of a saga; whether it was: it is not where that has ended.

        With a ``request_id``, it is journalled, and a run of the workflow does it once, and gives the same answer
        again.

        Raises:
            ActRefused: the workflow says so.
            ActNoted: it is durable, and not done yet. Where there is no request id, it is waited for.
            SagaNotFound: there is no saga of this id.
            NobodyAnswers: no worker has taken it: the act may be done later, or not. Or the saga leaves for a new run,
                which does not come: it is not done.
            JournalUnavailable: the server cannot be asked: the same.
        """
        handle, until = self._client.get_workflow_handle(saga_id), None
        said, request_id = write(act=act, why=why, by=by, **more), more.get("request_id")
        for number in itertools.count():
            try:
                async with asyncio.timeout(max(patience, _SHORTEST_PATIENCE_SECONDS)):
                    update = await handle.start_update(
                        names.ACT,
                        await bring(said, partial(handle.signal, names.BRING)),
                        id=f"{request_id}/{number}" if request_id else None,
                        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                        result_type=bytes,
                    )
                answer = await _heard(update, saga_id, act, patience if request_id else None)
            except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
                raise NobodyAnswers(f"no worker answers for saga {saga_id}: is its version served?") from None
            except WorkflowUpdateFailedError as error:
                raise JournalUnavailable(f"the workflow of saga {saga_id} could not do it: {error.cause}") from error
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    await self._ensure_there(saga_id)
                    return False
                raise JournalUnavailable(f"the Temporal server cannot be asked: {error}") from error
            if "refused" in answer:
                kind, reason, message = answer["refused"]
                raise _KINDS.get(kind, ActRefused)(saga_id, reason, message)
            if "again" not in answer:
                break
            until = until or time.monotonic() + max(patience, _SHORTEST_PATIENCE_SECONDS)
            if time.monotonic() > until:
                raise NobodyAnswers(f"saga {saga_id} goes on in a new run, which is not there yet; ask again")
            await asyncio.sleep(_AGAIN_SECONDS)
        return True

    async def _ensure_there(self, saga_id: str) -> None:
        async with told_as_journal_errors(saga_id):
            await self._client.get_workflow_handle(saga_id).describe()


async def _heard(
    update: WorkflowUpdateHandle[bytes], saga_id: str, act: str, patience: float | None
) -> Mapping[str, Any]:
    """What an act that was taken comes to.

    Raises:
        ActNoted: nothing within so many seconds, where it is not waited for.
    """
    if patience is None:
        return read(await update.result())
    try:
        async with asyncio.timeout(patience):
            return read(await update.result())
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise ActNoted(saga_id, act.lower().replace("_", " ")) from None
