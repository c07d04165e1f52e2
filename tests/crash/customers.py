"""The customers: they place orders, ask again with the same request id until they are answered, and watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from orchestrator.channels.grpc.bearer import with_token
from shop.order.v1.order_service_pb2 import CancelOrderRequest, StartOrderRequest, WatchOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.crash.processes import PATIENCE_SECONDS, connect_in_plain
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from tests.crash.orders import Placed
    from tests.crash.processes import Connect, Process

_AWAY: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
    }
)
_PAUSE_SECONDS: Final = 0.05
_ATTEMPT_SECONDS: Final = 20.0


def in_turn(replicas: Iterable[Process]) -> str:
    """The address of several replicas: each call goes to the next one of those that are there."""
    return "ipv4:" + ",".join(replica.address for replica in replicas)


class OrderLost(Exception):
    """StartOrder has answered, and now there is no such order."""


class Customers:
    """Everybody who orders at one orchestrator, or at several replicas in turn; an async context manager.

    Args:
        address: the orchestrator's, or :func:`in_turn`.
        in_flight: how many orders are under way at once.
        patience: seconds for which every other customer waits in the first call; the others only watch.
        forgiving: an order that the orchestrator has forgotten is placed again, instead of being an error.
        operated: an operator resumes what is suspended; they wait for the end behind that.
        connect: opens a channel to the orchestrator.
        token: tells the orchestrator who they are.

    Attributes:
        placed: every order that was begun.
        refusals: what StartOrder answered where it could not start an order.
    """

    def __init__(
        self,
        address: str,
        *,
        in_flight: int = 32,
        patience: int = 2,
        forgiving: bool = False,
        operated: bool = False,
        connect: Connect = connect_in_plain,
        token: str = TOKEN,
    ) -> None:
        self._channel = connect(address, with_token(token))
        self.orders = OrderServiceStub(self._channel)
        self.placed: list[Placed] = []
        self.refusals: list[str] = []
        self._turn = asyncio.Semaphore(in_flight)
        self._patience = patience
        self._forgiving = forgiving
        self._operated = operated
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._channel.close()

    @property
    def acknowledged(self) -> int:
        """How many orders StartOrder has answered."""
        return sum(1 for order in self.placed if order.order_id)

    @property
    def ended(self) -> int:
        """How many orders are known to have ended."""
        return sum(1 for order in self.placed if order.ended)

    async def have_seen_the_end_of(self, count: int) -> None:
        """Wait until so many orders are known to have ended."""
        await self._until(lambda: self.ended >= count)

    async def have_placed(self, count: int) -> None:
        """Wait until so many orders are acknowledged."""
        await self._until(lambda: self.acknowledged >= count)

    async def have_been_refused(self, count: int = 1) -> None:
        """Wait until StartOrder has answered so often that it cannot start an order."""
        await self._until(lambda: len(self.refusals) >= count)

    async def order_all(self, orders: Iterable[Placed]) -> None:
        """Place all of these and see each to its end.

        Raises:
            OrderLost: an order that was acknowledged is gone.
        """
        async with asyncio.TaskGroup() as group:
            for order in orders:
                group.create_task(self._in_turn(order))

    async def place(self, order: Placed, wait: int = 0) -> None:
        """Place an order, again and again until it is acknowledged."""
        request = StartOrderRequest()
        request.CopyFrom(order.request)
        if wait:
            request.wait.CopyFrom(Duration(seconds=wait))
        while True:
            try:
                answer = await self.orders.StartOrder(request, timeout=_ATTEMPT_SECONDS + wait)
            except grpc.aio.AioRpcError as error:
                self.refusals.append(f"{error.code().name}: {error.details()}")
                self._changed.set()
                await self._retry(error)
            else:
                order.order_id = answer.order.order_id
                order.seen = answer.order
                return self._changed.set()

    async def follow(self, order: Placed) -> None:
        """Watch an acknowledged order to its end."""
        while not order.ended:
            try:
                async for told in self.orders.WatchOrder(WatchOrderRequest(order_id=order.order_id)):
                    order.seen = told.order
                    if order.ended:
                        break
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    if not self._forgiving:
                        raise OrderLost(f"{order}: {error.details()}") from None
                    await self.place(order)
                else:
                    await self._retry(error)
        self._changed.set()

    async def cancel(self, order: Placed) -> None:
        """Cancel an acknowledged order, and keep in mind what the answer was."""
        request = CancelOrderRequest(order_id=order.order_id, reason="the customer has changed their mind")
        while True:
            try:
                await self.orders.CancelOrder(request, timeout=_ATTEMPT_SECONDS)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                    await self._retry(error)
                    continue
                order.refusal = reason_of(error)
            else:
                order.cancelled = True
            return

    async def _in_turn(self, order: Placed) -> None:
        async with self._turn:
            order.operated = self._operated
            self.placed.append(order)
            await self.place(order, wait=self._patience * (len(self.placed) % 2))
            await self.follow(order)

    async def _until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not reached():
                self._changed.clear()
                await self._changed.wait()

    async def _retry(self, error: grpc.aio.AioRpcError) -> None:
        if error.code() not in _AWAY:
            raise error
        await asyncio.sleep(_PAUSE_SECONDS)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the error's google.rpc.ErrorInfo; empty where it has none, as one that gRPC itself tells."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError has all that is read
    info = error_details_pb2.ErrorInfo()
    if status is not None and status.details:
        status.details[0].Unpack(info)
    return str(info.reason)
