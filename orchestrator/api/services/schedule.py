"""``saga.v1.ScheduleService``: sagas that start by themselves."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from orchestrator.access.subject import actor
from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.api.requests import DEFAULT_PAGE_SIZE, instant, unpack
from orchestrator.api.views.schedule_view import listed_view, schedule_view
from orchestrator.engine.schedules.facade import NewSchedule
from orchestrator.errors import InvalidInput
from orchestrator.ports.schedules import Missed, Overlap
from saga.v1 import schedule_pb2
from saga.v1 import schedule_service_pb2 as api
from saga.v1.schedule_service_pb2_grpc import ScheduleServiceServicer

if TYPE_CHECKING:
    import grpc.aio

    from orchestrator.engine.sagas import Sagas, Served
    from orchestrator.engine.schedules.facade import Schedules
    from orchestrator.ports.schedules import Schedule

    Context = grpc.aio.ServicerContext[Any, Any]

_MISSED_LIMIT: Final = 10
_WINDOW: Final = 60_000_000_000


class ScheduleService(ScheduleServiceServicer):
    """Everything that can be asked about, and done to, the schedules of one engine. See the contract for each rpc.

    Args:
        schedules: of the engine.
        sagas: tells which definitions are served.
    """

    def __init__(self, schedules: Schedules, sagas: Sagas) -> None:
        self._schedules = schedules
        self._sagas = sagas

    async def CreateSchedule(self, request: api.CreateScheduleRequest, context: Context) -> api.CreateScheduleResponse:
        """See the contract."""
        schedule = await self._schedules.create(self._asked_for(request))
        return api.CreateScheduleResponse(schedule=self._view(schedule))

    async def GetSchedule(self, request: api.GetScheduleRequest, context: Context) -> api.GetScheduleResponse:
        """See the contract."""
        return api.GetScheduleResponse(schedule=self._view(await self._schedules.get(request.name)))

    async def ListSchedules(self, request: api.ListSchedulesRequest, context: Context) -> api.ListSchedulesResponse:
        """See the contract."""
        size = request.page_size or DEFAULT_PAGE_SIZE
        found = await self._schedules.list_after(_name_before(request.page_token), size + 1)
        token = base64.urlsafe_b64encode(found[size - 1].name.encode()).decode() if len(found) > size else ""
        return api.ListSchedulesResponse(schedules=map(listed_view, found[:size]), next_page_token=token)

    async def PauseSchedule(self, request: api.PauseScheduleRequest, context: Context) -> api.PauseScheduleResponse:
        """See the contract."""
        schedule = await self._schedules.pause(request.name, request.reason, actor())
        return api.PauseScheduleResponse(schedule=self._view(schedule))

    async def ResumeSchedule(self, request: api.ResumeScheduleRequest, context: Context) -> api.ResumeScheduleResponse:
        """See the contract."""
        return api.ResumeScheduleResponse(schedule=self._view(await self._schedules.resume(request.name, actor())))

    async def DeleteSchedule(self, request: api.DeleteScheduleRequest, context: Context) -> api.DeleteScheduleResponse:
        """See the contract."""
        return api.DeleteScheduleResponse(schedule=self._view(await self._schedules.delete(request.name, actor())))

    async def RunSchedule(self, request: api.RunScheduleRequest, context: Context) -> api.RunScheduleResponse:
        """See the contract."""
        schedule, saga_id = await self._schedules.run(request.name, request.request_id, actor())
        return api.RunScheduleResponse(schedule=self._view(schedule), saga_id=saga_id)

    def _asked_for(self, request: api.CreateScheduleRequest) -> NewSchedule:
        """What is to be created; its saga is served here, and takes the input.

        Raises:
            InvalidInput: it is not, or does not.
        """
        schedule = request.schedule
        served = self._served(schedule)
        message = unpack(schedule.input, served.definition.input(), "schedule.input")
        refuse_invalid(message)  # the interceptor cannot: to it, an Any is bytes
        return NewSchedule(
            name=schedule.name,
            cron=schedule.cron,
            zone=schedule.time_zone,
            at=instant(schedule, "at") or 0,
            definition=schedule.definition,
            version=schedule.version,
            input_type=message.DESCRIPTOR.full_name,
            input=message.SerializeToString(deterministic=True),
            overlap=Overlap(schedule.overlap_policy or Overlap.SKIP.value),
            missed=Missed(schedule.missed_policy or Missed.RUN_LAST.value),
            missed_limit=schedule.missed_limit or _MISSED_LIMIT,
            window=schedule.start_window.ToNanoseconds() if schedule.HasField("start_window") else _WINDOW,
            created_by=actor(),
            request_id=request.request_id,
        )

    def _served(self, schedule: schedule_pb2.Schedule) -> Served:
        served = self._sagas.find(schedule.definition, schedule.version)
        if served is None:
            known = ", ".join(str(saga.definition) for saga in self._sagas.served())
            wanted = f"{schedule.definition} v{schedule.version or 'any'}"
            raise InvalidInput(("schedule.definition", f"no saga {wanted} is served; there are: {known}"))
        return served

    def _view(self, schedule: Schedule) -> schedule_pb2.Schedule:
        return schedule_view(schedule, self._sagas.find(schedule.definition, schedule.version))


def _name_before(page_token: str) -> str:
    try:
        return base64.urlsafe_b64decode(page_token).decode()
    except ValueError:
        raise InvalidInput(("page_token", "is not a token that a previous page gave out")) from None
