"""Places the orders, watches them to their ends, and does to them what the demo wants done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio

from orchestrator.channels.grpc.bearer import with_token
from orchestrator.cli.output.rendering import ENDED
from orchestrator.shop.demo.orders import AUTHORIZE, DemoOrder
from orchestrator.shop.demo.processes import CHANNEL_OPTIONS
from orchestrator.shop.demo.progress import half_way
from saga.v1.saga_pb2 import STATUS_SUSPENDED, Saga
from saga.v1.saga_service_pb2 import GetSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from shop.order.v1.order_service_pb2 import ApproveOrderRequest, CancelOrderRequest, WatchOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.shop.demo.progress import Progress
    from shop.order.v1.order_pb2 import Order

_SECONDS: Final = 5
_ACT_SECONDS: Final = 30
"""For an act, whose saga may be carried on by another process once one has died."""
_RECONNECT_SECONDS: Final = 0.1


class Customers:
    """All customers of the shop in one; an async context manager.

    Args:
        address: that of the orchestrator.
        token: the local operator's.
        progress: is told of every change.
    """

    def __init__(self, address: str, token: str, progress: Progress) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS, interceptors=with_token(token))
        self._orders = OrderServiceStub(self._channel)
        self._sagas = SagaServiceStub(self._channel)
        self._progress = progress

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def place(
        self,
        order: DemoOrder,
        half_way_there: Callable[[str], Awaitable[None]] | None = None,
        is_there: Callable[[Order], bool] = lambda view: half_way(view, AUTHORIZE),
    ) -> str:
        """Place an order and watch it until it has ended or waits for an operator; its id.

        Args:
            order: what to order.
            half_way_there: is called once, with the order's id, as soon as it is there.
            is_there: whether it is; by default, when its payment is being authorised.
        """
        placed = (await self._orders.StartOrder(order.request, timeout=_SECONDS, wait_for_ready=True)).order
        async with asyncio.TaskGroup() as tasks:

            def look(view: Order) -> None:
                nonlocal half_way_there
                self._progress.update(order, view)
                if half_way_there and is_there(view):
                    tasks.create_task(half_way_there(placed.order_id))  # type: ignore[arg-type]
                    half_way_there = None

            await self._watch(placed.order_id, look)
        return placed.order_id

    async def cancel(self, order_id: str) -> None:
        """Cancel an order."""
        request = CancelOrderRequest(order_id=order_id, reason="the customer changed their mind")
        await self._orders.CancelOrder(request, timeout=_ACT_SECONDS)

    async def approve(self, order_id: str) -> None:
        """Approve an order."""
        request = ApproveOrderRequest(order_id=order_id, reason="they have ordered before")
        await self._orders.ApproveOrder(request, timeout=_ACT_SECONDS, wait_for_ready=True)

    async def saga(self, order_id: str) -> Saga:
        """The order's saga, as operators see it."""
        return (await self._sagas.GetSaga(GetSagaRequest(saga_id=order_id), timeout=_SECONDS)).saga

    async def _watch(self, order_id: str, look: Callable[[Order], None]) -> None:
        """Look at every change until nothing changes any more, however often the orchestrator goes away."""
        while True:
            try:
                async for answer in self._orders.WatchOrder(WatchOrderRequest(order_id=order_id), wait_for_ready=True):
                    look(answer.order)
                    if answer.order.status in {*ENDED, STATUS_SUSPENDED}:
                        return
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            await asyncio.sleep(_RECONNECT_SECONDS)
