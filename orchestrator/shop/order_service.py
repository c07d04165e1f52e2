"""``shop.order.v1.OrderService``: the typed front door of the ``place_order`` saga."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.access.subject import actor
from orchestrator.api.application import Application, servicers
from orchestrator.api.requests import DEFAULT_PAGE_SIZE, instant, patience_of, priority_of, statuses, traceparent_of
from orchestrator.api.signals import decision_of
from orchestrator.api.views.reason_view import reason_view
from orchestrator.api.views.saga_view import record_view, status_view, step_views, waiting_view
from orchestrator.api.views.seen_steps import SeenSteps, paced
from orchestrator.api.views.timestamps import timestamp
from orchestrator.definition.waiting import APPROVAL
from orchestrator.engine.starting import start_request
from orchestrator.errors import ActRefused, DefinitionError, SagaNotFound
from orchestrator.journal.acts import Act
from orchestrator.journal.trace_ids import trace_id
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.shop.order_details import OrderDetails
from saga.v1.saga_pb2 import Decision
from shop.order.v1 import order_pb2, order_service_pb2
from shop.order.v1.order_service_pb2_grpc import OrderServiceServicer, add_OrderServiceServicer_to_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import grpc.aio

    from orchestrator.api.starts import Starts
    from orchestrator.engine.sagas import Sagas
    from orchestrator.journal.progress import Step
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.clock import Clock
    from saga.v1 import saga_pb2

    Context = grpc.aio.ServicerContext[Any, Any]
    _Decision = order_service_pb2.ApproveOrderRequest | order_service_pb2.RejectOrderRequest

DEFINITION: Final = "place_order"
"""What StartOrder starts: the newest version of it that is served, wherever that lives."""

# What an order that takes no decision, or no more, says of one; version 1 asks for none.
_NOT_IN_TIME: Final = frozenset({"TOO_LATE", "SAGA_ENDED", "UNKNOWN_SIGNAL"})


class OrderService(OrderServiceServicer):
    """Places orders and tells how they fare.

    Args:
        sagas: the engine that runs them.
        starts: the way in for new ones.
        clock: how time passes.
        details: asks the participants what they know of an order.
    """

    def __init__(self, sagas: Sagas, starts: Starts, clock: Clock, details: OrderDetails) -> None:
        self._sagas = sagas
        self._starts = starts
        self._clock = clock
        self._details = details

    async def StartOrder(
        self, request: order_service_pb2.StartOrderRequest, context: Context
    ) -> order_service_pb2.StartOrderResponse:
        """See the contract."""
        served = self._sagas.find(DEFINITION, 0)
        assert served is not None, "this service is registered only where orders can be placed"
        request_id, wait = request.request_id, request.wait.ToTimedelta().total_seconds()
        # How the request was made is no part of the order, nor of what makes two requests the same.
        request.ClearField("request_id")
        request.ClearField("wait")
        start = start_request(served, request, request_id, traceparent_of(context), priority_of(context))
        state = await self._starts.start(start, wait)
        return order_service_pb2.StartOrderResponse(order=self._view(state))

    async def GetOrder(
        self, request: order_service_pb2.GetOrderRequest, context: Context
    ) -> order_service_pb2.GetOrderResponse:
        """See the contract."""
        return order_service_pb2.GetOrderResponse(order=self._view(await self._order(request.order_id)))

    async def WatchOrder(
        self, request: order_service_pb2.WatchOrderRequest, context: Context
    ) -> AsyncIterator[order_service_pb2.WatchOrderResponse]:
        """See the contract."""
        await self._order(request.order_id)
        seen = SeenSteps()

        def view(state: SagaState) -> order_service_pb2.WatchOrderResponse:
            return order_service_pb2.WatchOrderResponse(order=self._view(state, seen.view))

        async for answer in paced(self._sagas.watch(request.order_id), view, self._clock):
            yield answer

    async def ListOrders(
        self, request: order_service_pb2.ListOrdersRequest, context: Context
    ) -> order_service_pb2.ListOrdersResponse:
        """See the contract."""
        where = SagaFilter(
            definition=DEFINITION,
            statuses=statuses(request.statuses),
            started_from=instant(request, "placed_from"),
            started_before=instant(request, "placed_before"),
            attributes=(("customer_id", request.customer_id),) if request.customer_id else (),
        )
        records, token = await self._sagas.search(where, request.page_size or DEFAULT_PAGE_SIZE, request.page_token)
        return order_service_pb2.ListOrdersResponse(orders=map(_listed, records), next_page_token=token)

    async def CancelOrder(
        self, request: order_service_pb2.CancelOrderRequest, context: Context
    ) -> order_service_pb2.CancelOrderResponse:
        """See the contract."""
        await self._order(request.order_id)
        state = await self._sagas.act(
            Act.CANCEL, request.order_id, request.reason, actor(), patience=patience_of(context)
        )
        return order_service_pb2.CancelOrderResponse(order=self._view(state))

    async def ApproveOrder(
        self, request: order_service_pb2.ApproveOrderRequest, context: Context
    ) -> order_service_pb2.ApproveOrderResponse:
        """See the contract."""
        state, in_time = await self._decide(request, context, approved=True)
        return order_service_pb2.ApproveOrderResponse(order=self._view(state), in_time=in_time)

    async def RejectOrder(
        self, request: order_service_pb2.RejectOrderRequest, context: Context
    ) -> order_service_pb2.RejectOrderResponse:
        """See the contract."""
        state, in_time = await self._decide(request, context, approved=False)
        return order_service_pb2.RejectOrderResponse(order=self._view(state), in_time=in_time)

    async def GetOrderDetails(
        self, request: order_service_pb2.GetOrderDetailsRequest, context: Context
    ) -> order_service_pb2.GetOrderDetailsResponse:
        """See the contract."""
        state = await self._order(request.order_id)
        details = await self._details.gather(state.saga_id, _input(state))
        details.order.CopyFrom(self._view(state))
        return details

    async def _decide(self, request: _Decision, context: Context, *, approved: bool) -> tuple[SagaState, bool]:
        """Give an order somebody's decision; the order, and whether the decision came in time."""
        await self._order(request.order_id)
        signal = decision_of(Decision(approved=approved, reason=request.reason), APPROVAL, request.request_id)
        try:
            state = await self._sagas.signal(request.order_id, signal, patience=patience_of(context))
        except ActRefused as refused:
            if refused.reason not in _NOT_IN_TIME:
                raise
            return await self._order(request.order_id), False
        return state, True

    async def _order(self, order_id: str) -> SagaState:
        """The order's saga; a saga of another definition is no order."""
        state = await self._sagas.get(order_id)
        if state.definition != DEFINITION:
            raise SagaNotFound(order_id)
        return state

    def _view(self, state: SagaState, steps_seen: Callable[[Step], saga_pb2.Step] | None = None) -> order_pb2.Order:
        order = _input(state)
        return order_pb2.Order(
            order_id=state.saga_id,
            customer_id=order.customer_id,
            status=status_view(state.status),
            steps=step_views(state, self._sagas.find(state.definition, state.version), steps_seen),
            reason=reason_view(state.reason),
            receipt=order_pb2.Receipt.FromString(state.result) if state.result is not None else None,
            placed_at=timestamp(state.started_at),
            ended_at=timestamp(state.ended_at) if state.ended_at is not None else None,
            trace_id=trace_id(state.saga_id, state.traceparent),
            lines=order.lines,
            waiting=map(waiting_view, self._sagas.waiting(state)),
        )


@servicers
def order_api(application: Application) -> None:
    """Serve it where orders can be placed.

    Raises:
        DefinitionError: the version that StartOrder would start takes or returns another message than this API.
    """
    newest = application.sagas.find(DEFINITION, 0)
    if newest is None:
        return
    definition = newest.definition
    if (definition.input, definition.result) != (order_service_pb2.StartOrderRequest, order_pb2.Receipt):
        raise DefinitionError(
            f"{definition}: StartOrder starts it, so it must take a StartOrderRequest and return a Receipt; or give it "
            f"another name than {DEFINITION!r}"
        )
    details = OrderDetails(application.channel)
    service = OrderService(application.sagas, application.starts, application.clock, details)
    application.add("shop.order.v1.OrderService", add_OrderServiceServicer_to_server, service)


def _input(state: SagaState) -> order_service_pb2.StartOrderRequest:
    return order_service_pb2.StartOrderRequest.FromString(state.input)


def _listed(record: SagaRecord) -> order_pb2.Order:
    saga = record_view(record)
    return order_pb2.Order(
        order_id=saga.saga_id,
        customer_id=saga.attributes.get("customer_id", ""),
        status=saga.status,
        placed_at=saga.started_at,
        ended_at=saga.ended_at if saga.HasField("ended_at") else None,
    )
