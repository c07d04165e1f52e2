"""Bulk acts: the same act on all sagas that match, first as a dry run, then in earnest, and what came of each saga."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import RedirectResponse, StreamingResponse

from orchestrator.access.subject import actor
from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.api.services.bulk import matching, new_bulk_act
from orchestrator.console.filtering import filter_in, pairs_of, query_of
from orchestrator.console.page import Page
from orchestrator.console.times import iso
from orchestrator.errors import InvalidInput
from orchestrator.ports.bulk_acts import Answer, BulkStatus
from saga.v1 import bulk_service_pb2 as api
from saga.v1.bulk_pb2 import Action
from saga.v1.saga_service_pb2 import SagaFilter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console
    from orchestrator.ports.bulk_acts import BulkAct

_SERVICE: Final = "saga.v1.BulkActService"
_SEE_OTHER: Final = 303
_LISTED: Final = 50
_SHOWN: Final = 100
_EXPORTED_AT_ONCE: Final = 500
_ACTIONS: Final = frozenset({"CANCEL", "PAUSE", "RESUME", "RETRY_NOW"})
_OVER: Final = frozenset({BulkStatus.ENDED, BulkStatus.STOPPED})
_GOES_ON: Final = frozenset({BulkStatus.CHECKING, BulkStatus.RUNNING})


def pages(console: Console) -> Iterator[Page]:
    """The list, one bulk act, what can be done to it, and what came of it as a file."""
    yield Page("/bulk", f"{_SERVICE}.ListBulkActs", _list(console))
    yield Page("/bulk", f"{_SERVICE}.PrepareBulkAct", _prepare(console), "POST")
    yield Page("/bulk/{bulk_id}", f"{_SERVICE}.GetBulkAct", _one(console))
    yield Page("/bulk/{bulk_id}/start", f"{_SERVICE}.StartBulkAct", _start(console), "POST")
    yield Page("/bulk/{bulk_id}/stop", f"{_SERVICE}.StopBulkAct", _stop(console), "POST")
    yield Page("/bulk/{bulk_id}/results.csv", f"{_SERVICE}.ExportBulkResults", _export(console))


def _list(console: Console) -> Any:  # noqa: ANN401 - see Page.answer
    async def answer(request: Request) -> Response:
        async def view() -> Mapping[str, Any]:
            acts = await console.bulk.list_before("", _LISTED)
            return {"acts": [(act, _pairs(act)) for act in acts]}

        return await console.show(request, "bulk_acts", view, seconds=2.0)

    return answer


def _prepare(console: Console) -> Any:  # noqa: ANN401 - see Page.answer
    async def answer(request: Request) -> Response:
        form = await request.form()
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        action = str(form.get("act", ""))
        if action not in _ACTIONS:
            raise InvalidInput(("act", f"is one of {', '.join(sorted(_ACTIONS))}, not {action!r}"))
        wanted = api.PrepareBulkActRequest(filter=filter_in(texts), action=Action.Value(f"ACTION_{action}"))
        refuse_invalid(wanted)
        act = await console.bulk.prepare(new_bulk_act(wanted), matching(wanted.filter, console.sagas))
        return RedirectResponse(f"/bulk/{act.bulk_id}", _SEE_OTHER)

    return answer


def _one(console: Console) -> Any:  # noqa: ANN401 - see Page.answer
    async def answer(request: Request) -> Response:
        bulk_id = request.path_params["bulk_id"]
        only = answer_named(request.query_params.get("answer", ""))

        async def view() -> Mapping[str, Any]:
            act = await console.bulk.get(bulk_id)
            found = await console.bulk.sagas(bulk_id, 0, _SHOWN + 1, () if only is None else (only,))
            return {
                "act": act,
                "pairs": _pairs(act),
                "matching_now": query_of(SagaFilter.FromString(act.asked_for)),
                "sagas": found[:_SHOWN],
                "more": len(found) > _SHOWN,
                "only": only,
                "settled": act.total - act.counts.get(Answer.UNCHECKED, 0),
                "why_no_start": console.lacking(f"{_SERVICE}.StartBulkAct") or _why_no_start(act),
                "why_no_stop": console.lacking(f"{_SERVICE}.StopBulkAct") or _why_no_stop(act),
                "goes_on": act.status in _GOES_ON,
            }

        return await console.show(request, "bulk_act", view, changes=lambda: console.bulk.watch(bulk_id))

    return answer


def _start(console: Console) -> Any:  # noqa: ANN401 - see Page.answer
    async def answer(request: Request) -> Response:
        bulk_id = request.path_params["bulk_id"]
        why = str((await request.form()).get("why", "")).strip()
        refuse_invalid(api.StartBulkActRequest(bulk_act_id=bulk_id, reason=why))
        await console.bulk.start(bulk_id, why, actor())
        return RedirectResponse(f"/bulk/{bulk_id}", _SEE_OTHER)

    return answer


def _stop(console: Console) -> Any:  # noqa: ANN401 - see Page.answer
    async def answer(request: Request) -> Response:
        bulk_id = request.path_params["bulk_id"]
        await console.bulk.stop(bulk_id, actor())
        return RedirectResponse(f"/bulk/{bulk_id}", _SEE_OTHER)

    return answer


def _export(console: Console) -> Any:  # noqa: ANN401 - see Page.answer
    async def answer(request: Request) -> Response:
        act = await console.bulk.get(request.path_params["bulk_id"])
        headers = {"content-disposition": f'attachment; filename="bulk-act-{act.bulk_id}.csv"'}
        return StreamingResponse(_rows(console, act.bulk_id), media_type="text/csv; charset=utf-8", headers=headers)

    return answer


async def _rows(console: Console, bulk_id: str) -> AsyncIterator[str]:
    """All that came of it, a saga a line."""
    yield "position,saga_id,answer,reason,message,answered_at\r\n"
    after = 0
    while found := await console.bulk.sagas(bulk_id, after, _EXPORTED_AT_ONCE):
        after = found[-1].position
        lines = io.StringIO()
        write = csv.writer(lines).writerow
        for each in found:
            at = iso(each.answered_at) if each.answered_at else ""
            write((each.position, _plain(each.saga_id), each.answer.name, each.reason, _plain(each.message), at))
        yield lines.getvalue()


def _plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def answer_named(name: str) -> Answer | None:
    """The answer of this name in an address, if there is one."""
    return next((each for each in Answer if each.name.lower() == name), None)


def _pairs(act: BulkAct) -> list[tuple[str, str]]:
    return pairs_of(SagaFilter.FromString(act.asked_for))


def _why_no_start(act: BulkAct) -> str:
    if act.status in (BulkStatus.FREEZING, BulkStatus.CHECKING):
        return "the dry run goes on"
    if act.status is not BulkStatus.PREPARED:
        return "it was started, or stopped"
    return "" if act.to_do else "no saga allows it"


def _why_no_stop(act: BulkAct) -> str:
    return "nothing goes on any more" if act.status in _OVER or act.status is BulkStatus.STOPPING else ""
