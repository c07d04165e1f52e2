"""``saga.v1.FiguresService``: how the sagas fare over time, and what waits for a person or was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.api.forgetting import forget_dead_command, forget_dead_commands_until
from orchestrator.api.requests import instant
from orchestrator.api.views.figures_view import dead_commands_view, figures_view, suspended_view
from orchestrator.ports.figures import Step, Window
from saga.v1 import figures_service_pb2 as api
from saga.v1.figures_service_pb2_grpc import FiguresServiceServicer

if TYPE_CHECKING:
    import grpc.aio

    from orchestrator.engine.sagas import Sagas
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.dead_commands import DeadCommands

    Context = grpc.aio.ServicerContext[Any, Any]

_LISTED: Final = 20
_STEPS: Final = {
    api.FIGURE_STEP_MINUTE: Step.MINUTE,
    api.FIGURE_STEP_HOUR: Step.HOUR,
    api.FIGURE_STEP_DAY: Step.DAY,
}


class FiguresService(FiguresServiceServicer):
    """Answers alike, whichever replica is asked. See the contract for each rpc.

    Args:
        sagas: the engine, which reads the journal.
        clock: the time.
        dead_commands: what participants have given up.
    """

    def __init__(self, sagas: Sagas, clock: Clock, dead_commands: DeadCommands) -> None:
        self._sagas = sagas
        self._clock = clock
        self._dead_commands = dead_commands

    async def GetFigures(self, request: api.GetFiguresRequest, context: Context) -> api.GetFiguresResponse:
        """See the contract."""
        now, since = self._clock.now(), instant(request, "since")
        assert since is not None, "the contract requires it"
        until = instant(request, "until")
        window = Window.of(since, now if until is None else until, _STEPS[request.step], now, request.definition)
        return figures_view(window, await self._sagas.figures(window))

    async def ListSuspendedGroups(
        self, request: api.ListSuspendedGroupsRequest, context: Context
    ) -> api.ListSuspendedGroupsResponse:
        """See the contract."""
        return suspended_view(await self._sagas.suspended())

    async def ListDeadCommands(
        self, request: api.ListDeadCommandsRequest, context: Context
    ) -> api.ListDeadCommandsResponse:
        """See the contract."""
        return dead_commands_view(await self._dead_commands.newest(request.limit or _LISTED))

    async def ForgetDeadCommands(
        self, request: api.ForgetDeadCommandsRequest, context: Context
    ) -> api.ForgetDeadCommandsResponse:
        """See the contract."""
        until = instant(request, "until")
        if until is None:
            await forget_dead_command(self._dead_commands, request.service, request.id, request.reason)
            return api.ForgetDeadCommandsResponse(number=1)
        number = await forget_dead_commands_until(self._dead_commands, request.service, until, request.reason)
        return api.ForgetDeadCommandsResponse(number=number)
