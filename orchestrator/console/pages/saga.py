"""One saga: where it stands in words and in pictures, what can be done, and its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.api.guidance.guidance import lacks_role, saga_guidance
from orchestrator.console.page import Page
from orchestrator.console.views.journal_rows import GROUPS, journal_page
from orchestrator.console.views.payloads import decoded
from orchestrator.console.views.saga_picture import pictures_of
from orchestrator.journal.state import ENDED, Status
from orchestrator.journal.trace_ids import trace_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console

_SECONDS_MOVING, _SECONDS_RESTING = 2.0, 30.0
_RESTS: Final = ENDED | {Status.SUSPENDED, Status.WAITING}


def pages(console: Console) -> Iterator[Page]:
    """The page."""

    async def one(request: Request) -> Response:
        saga_id: str = request.path_params["saga_id"]
        group, text = request.query_params.get("entries", ""), request.query_params.get("text", "")
        state = await console.sagas.get(saga_id)

        async def view() -> Mapping[str, Any]:
            return await _view(console, saga_id, group, text)

        def changes() -> AsyncIterator[object]:
            return console.sagas.watch(saga_id)

        seconds = _SECONDS_RESTING if state.status in _RESTS else _SECONDS_MOVING
        return await console.show(request, "saga", view, changes=changes, seconds=seconds)

    yield Page("/sagas/{saga_id:path}", "saga.v1.SagaService.GetSaga", one)


async def _view(console: Console, saga_id: str, group: str, text: str) -> Mapping[str, Any]:
    sagas, now = console.sagas, console.clock.now()
    state, entries = await sagas.get(saga_id), await sagas.entries(saga_id)
    served = sagas.find(state.definition, state.version)
    definition = served.definition if served is not None else None
    trace = trace_id(state.saga_id, state.traceparent)
    return {
        "state": state,
        "guidance": saga_guidance(state, sagas, now, lacks_role),
        "pictures": await pictures_of(sagas, state, entries, now),
        "served": served is not None,
        "trace": trace,
        "trace_link": console.trace_link(trace),
        "input": decoded(definition.input if definition else None, state.input),
        "result": decoded(definition.result if definition else None, state.result),
        "journal": journal_page(entries, served, sagas.contract, group=group, text=text),
        "groups": list(GROUPS),
        "group": group,
        "text": text,
        "ended": state.status in ENDED,
    }
