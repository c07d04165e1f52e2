"""``saga.v1.EventService``: the events of the outbox, and the sinks that are told of them.

What is done to a sink is written down with who did it, before it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.access.subject import actor
from orchestrator.api.requests import DEFAULT_PAGE_SIZE, instant
from orchestrator.api.views.event_view import dead_letter_view, event_view, sink_view
from orchestrator.errors import SinkNotFound
from saga.v1 import event_service_pb2 as api
from saga.v1.event_service_pb2_grpc import EventServiceServicer

if TYPE_CHECKING:
    import grpc.aio

    from orchestrator.ports.outbox import SinkActs

    Context = grpc.aio.ServicerContext[Any, Any]

_LATEST_ACTS: Final = 5


class EventService(EventServiceServicer):
    """Answers from the outbox, whichever replica is asked. See the contract for each rpc.

    Args:
        outbox: the events and the sinks.
    """

    def __init__(self, outbox: SinkActs) -> None:
        self._outbox = outbox

    async def ListEvents(self, request: api.ListEventsRequest, context: Context) -> api.ListEventsResponse:
        """See the contract."""
        size = request.page_size or DEFAULT_PAGE_SIZE
        found = await self._outbox.events(request.after, size, request.saga_id)
        return api.ListEventsResponse(events=map(event_view, found))

    async def ListSinks(self, request: api.ListSinksRequest, context: Context) -> api.ListSinksResponse:
        """See the contract."""
        answer = api.ListSinksResponse()
        for sink in await self._outbox.sinks():
            acts = await self._outbox.sink_acts(sink.name, _LATEST_ACTS)
            answer.sinks.append(sink_view(sink, acts))
        return answer

    async def ListDeadLetters(
        self, request: api.ListDeadLettersRequest, context: Context
    ) -> api.ListDeadLettersResponse:
        """See the contract."""
        size = request.page_size or DEFAULT_PAGE_SIZE
        found = await self._outbox.dead_letters(request.sink, request.after, size)
        return api.ListDeadLettersResponse(dead_letters=map(dead_letter_view, found))

    async def ReplayEvents(self, request: api.ReplayEventsRequest, context: Context) -> api.ReplayEventsResponse:
        """See the contract."""
        since = instant(request, "since")
        after = request.position - 1 if since is None else await self._outbox.position_at(since)
        await self._note(request.sink, f"replayed from position {after + 1}")
        if not await self._outbox.replay(request.sink, after):
            raise SinkNotFound(request.sink)
        return api.ReplayEventsResponse(position=after + 1)

    async def RetryDeadLetters(
        self, request: api.RetryDeadLettersRequest, context: Context
    ) -> api.RetryDeadLettersResponse:
        """See the contract."""
        which = ", ".join(map(str, request.positions)) or "all"
        await self._note(request.sink, f"dead letters tried again: {which}")
        number = await self._outbox.retry_dead_letters(request.sink, list(request.positions))
        return api.RetryDeadLettersResponse(number=number)

    async def ForgetSink(self, request: api.ForgetSinkRequest, context: Context) -> api.ForgetSinkResponse:
        """See the contract."""
        await self._note(request.sink, "forgotten")
        if not await self._outbox.forget_sink(request.sink):
            raise SinkNotFound(request.sink)
        return api.ForgetSinkResponse()

    async def _note(self, sink: str, act: str) -> None:
        if sink not in {each.name for each in await self._outbox.sinks()}:
            raise SinkNotFound(sink)
        who = actor()
        known = ", ".join(filter(None, (who.authority, who.peer)))
        await self._outbox.note_sink_act(sink, act, f"{who.name} ({known})" if known else who.name)
