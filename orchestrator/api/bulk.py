"""Does the same to many sagas: each on its own, so that one refusal does not stop the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.api.searching import find_sagas
from orchestrator.engine.replica.cancellation import refuse_cancel
from orchestrator.errors import ActRefused, InvalidInput, OrchestratorError
from orchestrator.journal.state import ENDED, Status
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from orchestrator.engine.replica.acts import Acts
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.engine.run.executor import Executor
    from orchestrator.journal.state import SagaState

    Act = Callable[[str, str, str], Awaitable[SagaState]]

_PAGE: Final = 200
# An act waits until the saga has no attempt in flight, so many wait together.
_TOGETHER: Final = 50


async def act_on_sagas(
    request: api.ActOnSagasRequest, worker: Worker, acts: Acts
) -> AsyncIterator[api.ActOnSagasResponse]:
    """What came of it for each saga that the filter matches.

    Raises:
        InvalidInput: the filter restricts nothing.
    """
    if not request.filter.ByteSize():
        raise InvalidInput(("filter", "restricts nothing; name a definition, a status, a time or an attribute"))
    act = _acts(acts)[request.action]

    async def one(saga_id: str) -> api.ActOnSagasResponse:
        try:
            await worker.ensure_recovered(saga_id)
            if request.dry_run:
                _refuse(await worker.get(saga_id), request.action, worker.live.get(saga_id))
            else:
                await act(saga_id, request.reason, request.requested_by)
        except OrchestratorError as error:
            return api.ActOnSagasResponse(saga_id=saga_id, refusal=str(error))
        return api.ActOnSagasResponse(saga_id=saga_id, done=True)

    # Listed first: what is done changes what the filter matches.
    matching = [saga_id async for saga_id in _matching(request.filter, worker)]
    for first in range(0, len(matching), _TOGETHER):
        for answer in await asyncio.gather(*map(one, matching[first : first + _TOGETHER])):
            yield answer


async def _matching(where: api.SagaFilter, worker: Worker) -> AsyncIterator[str]:
    token = ""
    while True:
        records, token = await find_sagas(worker, where, _PAGE, token)
        for record in records:
            yield record.saga_id
        if not token:
            return


def _acts(acts: Acts) -> dict[api.Action.ValueType, Act]:
    return {
        api.ACTION_CANCEL: acts.cancel,
        api.ACTION_PAUSE: acts.pause,
        api.ACTION_RESUME: acts.resume,
        api.ACTION_RETRY_NOW: acts.retry_now,
    }


def _refuse(state: SagaState, action: api.Action.ValueType, executor: Executor | None) -> None:
    """Say why it would not be done, if it would not.

    Args:
        state: the saga.
        action: what is to be done.
        executor: advances the saga here, if anything does.

    Raises:
        ActRefused: so it is.
    """
    assert state.status is not None
    status = state.status.name.lower()
    if action == api.ACTION_CANCEL:
        refuse_cancel(state)
    elif action == api.ACTION_RESUME and state.status is not Status.SUSPENDED:
        raise ActRefused(state.saga_id, "NOT_SUSPENDED", f"saga {state.saga_id} is {status}")
    elif state.status in ENDED:
        raise ActRefused(state.saga_id, "SAGA_ENDED", f"saga {state.saga_id} is {status}")
    elif action == api.ACTION_RETRY_NOW and (executor is None or not executor.backs_off):
        raise ActRefused(state.saga_id, "NOTHING_WAITS", f"saga {state.saga_id} has no attempt that waits")
