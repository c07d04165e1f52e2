"""``saga.v1.EventService``: the events of the outbox, and the sinks that are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.api.requests import DEFAULT_PAGE_SIZE, instant
from orchestrator.api.sink_acts import forget_sink, replay_events, retry_dead_letters
from orchestrator.api.views.event_view import dead_letter_view, event_view, sink_view
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
        await replay_events(self._outbox, request.sink, after)
        return api.ReplayEventsResponse(position=after + 1)

    async def RetryDeadLetters(
        self, request: api.RetryDeadLettersRequest, context: Context
    ) -> api.RetryDeadLettersResponse:
        """See the contract."""
        number = await retry_dead_letters(self._outbox, request.sink, list(request.positions))
        return api.RetryDeadLettersResponse(number=number)

    async def ForgetSink(self, request: api.ForgetSinkRequest, context: Context) -> api.ForgetSinkResponse:
        """See the contract."""
        await forget_sink(self._outbox, request.sink)
        return api.ForgetSinkResponse()
