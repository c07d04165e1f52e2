"""The schedules: which sagas start by themselves, when next, and what became of the latest starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import RedirectResponse

from orchestrator.access.subject import actor
from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.console.page import Page
from orchestrator.engine.schedules.turn import upcoming
from saga.v1 import schedule_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console

_SERVICE: Final = "saga.v1.ScheduleService"
_SEE_OTHER: Final = 303
_LISTED: Final = 200
_NEXT: Final = 3


def pages(console: Console) -> Iterator[Page]:
    """The list, and what can be done to one."""

    async def listed(request: Request) -> Response:
        async def view() -> Mapping[str, Any]:
            found = await console.schedules.list_after("", _LISTED)
            return {
                "schedules": [(each, list(upcoming(each, _NEXT))) for each in found],
                "why_no_pause": console.lacking(f"{_SERVICE}.PauseSchedule"),
                "why_no_resume": console.lacking(f"{_SERVICE}.ResumeSchedule"),
            }

        return await console.show(request, "schedules", view, seconds=2.0)

    async def pause(request: Request) -> Response:
        name = request.path_params["name"]
        why = str((await request.form()).get("why", "")).strip()
        refuse_invalid(api.PauseScheduleRequest(name=name, reason=why))
        await console.schedules.pause(name, why, actor())
        return RedirectResponse("/schedules", _SEE_OTHER)

    async def resume(request: Request) -> Response:
        await console.schedules.resume(request.path_params["name"], actor())
        return RedirectResponse("/schedules", _SEE_OTHER)

    yield Page("/schedules", f"{_SERVICE}.ListSchedules", listed)
    yield Page("/schedules/{name}/pause", f"{_SERVICE}.PauseSchedule", pause, "POST")
    yield Page("/schedules/{name}/resume", f"{_SERVICE}.ResumeSchedule", resume, "POST")
