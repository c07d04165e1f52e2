"""``shop.order.v1.OrderService``: the typed front door of the ``place_order`` saga."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.api.requests import DEFAULT_PAGE_SIZE, instant, start_request, statuses, traceparent_of
from orchestrator.api.views.saga_view import reason_view, record_view, status_view, step_views
from orchestrator.api.views.seen_steps import SeenSteps, paced
from orchestrator.api.views.timestamps import timestamp
from orchestrator.errors import DefinitionError, SagaNotFound
from orchestrator.journal.trace_ids import trace_id
from orchestrator.ports.catalogue import SagaFilter
from shop.order.v1 import order_pb2, order_service_pb2
from shop.order.v1.order_service_pb2_grpc import OrderServiceServicer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    import grpc.aio

    from orchestrator.api.starts import Starts
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.replica.acts import Acts
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.journal.progress import Step
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.shop.order_details import OrderDetails
    from saga.v1 import saga_pb2

    Context = grpc.aio.ServicerContext[Any, Any]

DEFINITION: Final = "place_order"
"""What StartOrder starts: the newest version of it that is served, wherever that lives."""

# Who cancels, as far as this API knows: it is the customer's side.
_CUSTOMER = "customer"


class OrderService(OrderServiceServicer):
    """Places orders and tells how they fare.

    Args:
        worker: runs the sagas.
        operations: what can be done to them.
        details: asks the participants what they know of an order.
        starts: starts the sagas.
    """

    def __init__(self, worker: Worker, acts: Acts, details: OrderDetails, starts: Starts) -> None:
        self._worker = worker
        self._acts = acts
        self._details = details
        self._starts = starts

    async def StartOrder(
        self, request: order_service_pb2.StartOrderRequest, context: Context
    ) -> order_service_pb2.StartOrderResponse:
        """See the contract."""
        served = self._worker.served.find(DEFINITION, 0)
        assert served is not None, "this service is registered only where orders can be placed"
        request_id, wait = request.request_id, request.wait.ToTimedelta().total_seconds()
        # How the request was made is no part of the order, nor of what makes two requests the same.
        request.ClearField("request_id")
        request.ClearField("wait")
        state = await self._starts.start(start_request(served, request, request_id, traceparent_of(context)), wait)
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

        async for answer in paced(self._worker.watch(request.order_id), view, self._worker.adapters.clock):
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
        records, token = await self._worker.search(where, request.page_size or DEFAULT_PAGE_SIZE, request.page_token)
        return order_service_pb2.ListOrdersResponse(orders=map(_listed, records), next_page_token=token)

    async def CancelOrder(
        self, request: order_service_pb2.CancelOrderRequest, context: Context
    ) -> order_service_pb2.CancelOrderResponse:
        """See the contract."""
        await self._order(request.order_id)
        await self._worker.ensure_recovered(request.order_id)
        state = await self._acts.cancel(request.order_id, request.reason, _CUSTOMER)
        return order_service_pb2.CancelOrderResponse(order=self._view(state))

    async def GetOrderDetails(
        self, request: order_service_pb2.GetOrderDetailsRequest, context: Context
    ) -> order_service_pb2.GetOrderDetailsResponse:
        """See the contract."""
        state = await self._order(request.order_id)
        details = await self._details.gather(state.saga_id, _input(state))
        details.order.CopyFrom(self._view(state))
        return details

    async def _order(self, order_id: str) -> SagaState:
        """The order's saga; a saga of another definition is no order."""
        state = await self._worker.get(order_id)
        if state.definition != DEFINITION:
            raise SagaNotFound(order_id)
        return state

    def _view(self, state: SagaState, steps_seen: Callable[[Step], saga_pb2.Step] | None = None) -> order_pb2.Order:
        order = _input(state)
        return order_pb2.Order(
            order_id=state.saga_id,
            customer_id=order.customer_id,
            status=status_view(state.status),
            steps=step_views(state, self._worker.served.find(state.definition, state.version), steps_seen),
            reason=reason_view(state.reason),
            receipt=order_pb2.Receipt.FromString(state.result) if state.result is not None else None,
            placed_at=timestamp(state.started_at),
            ended_at=timestamp(state.ended_at) if state.ended_at is not None else None,
            trace_id=trace_id(state.saga_id, state.traceparent),
            lines=order.lines,
        )


def refuse_other_orders(definitions: Iterable[SagaDefinition[Any, Any, Any]]) -> None:
    """Check the version that StartOrder would start.

    Raises:
        DefinitionError: the newest version takes or returns another message than this API.
    """
    versions = [definition for definition in definitions if definition.name == DEFINITION]
    newest = max(versions, key=lambda definition: definition.version)
    if (newest.input, newest.result) != (order_service_pb2.StartOrderRequest, order_pb2.Receipt):
        raise DefinitionError(
            f"{newest}: StartOrder starts it, so it must take a StartOrderRequest and return a Receipt; or give it "
            f"another name than {DEFINITION!r}"
        )


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
