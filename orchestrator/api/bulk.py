"""Does the same to many sagas: each on its own, so that one refusal does not stop the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.access.subject import actor
from orchestrator.api.searching import find_sagas
from orchestrator.engine.sagas import PATIENCE_SECONDS
from orchestrator.errors import ActNoted, InvalidInput, OrchestratorError
from orchestrator.journal.acts import Act
from saga.v1 import saga_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.engine.sagas import Sagas


_PAGE: Final = 200
_ACTS: Final = {
    api.ACTION_CANCEL: Act.CANCEL,
    api.ACTION_PAUSE: Act.PAUSE,
    api.ACTION_RESUME: Act.RESUME,
    api.ACTION_RETRY_NOW: Act.RETRY_NOW,
}
# An act waits until the saga has no attempt in flight, so many wait together.
_TOGETHER: Final = 50


async def act_on_sagas(
    request: api.ActOnSagasRequest, sagas: Sagas, patience: float = PATIENCE_SECONDS
) -> AsyncIterator[api.ActOnSagasResponse]:
    """What came of it for each saga that the filter matches.

    Args:
        request: the act, and the filter.
        sagas: the engine.
        patience: for how many seconds the answer of another replica is waited for.

    Raises:
        InvalidInput: the filter restricts nothing.
    """
    if not request.filter.ByteSize():
        raise InvalidInput(("filter", "restricts nothing; name a definition, a status, a time or an attribute"))
    act = _ACTS[request.action]

    async def one(saga_id: str) -> api.ActOnSagasResponse:
        try:
            if request.dry_run:
                await sagas.refuse_act(act, saga_id)
            else:
                await sagas.act(act, saga_id, request.reason, actor(), patience=patience)
        except ActNoted as noted:
            return api.ActOnSagasResponse(saga_id=saga_id, refusal=str(noted), noted=True)
        except OrchestratorError as error:
            return api.ActOnSagasResponse(saga_id=saga_id, refusal=str(error))
        return api.ActOnSagasResponse(saga_id=saga_id, done=True)

    # Listed first: what is done changes what the filter matches.
    matching = [saga_id async for saga_id in _matching(request.filter, sagas)]
    for first in range(0, len(matching), _TOGETHER):
        for answer in await asyncio.gather(*map(one, matching[first : first + _TOGETHER])):
            yield answer


async def _matching(where: api.SagaFilter, sagas: Sagas) -> AsyncIterator[str]:
    token = ""
    while True:
        records, token = await find_sagas(sagas, where, _PAGE, token)
        for record in records:
            yield record.saga_id
        if not token:
            return
