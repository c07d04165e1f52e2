"""Orders that the tests of pages place and look at, by the API."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import grpc.aio

from orchestrator.channels.grpc.bearer import with_token
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as api
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from shop.payment.v1.payment_pb2 import GetPaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.type.v1.type_pb2 import Address, Line
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.browser.conftest import Running

DEAR: Final = ("TEE-M", 1000)
"""What needs an approval."""
DECLINED: Final = "tok_declined"
"""The card with which nobody can pay."""
_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.05


class Orders:
    """The orders of one orchestrator.

    Args:
        channel: to the orchestrator.
        payments: to the payment service.
    """

    def __init__(self, channel: grpc.aio.Channel, payments: grpc.aio.Channel) -> None:
        self._orders = OrderServiceStub(channel)
        self._payments = PaymentServiceStub(payments)
        self.sagas = SagaServiceStub(channel)

    async def place(
        self, card: str = "tok_visa", line: tuple[str, int] = ("MUG-BLUE", 2), customer: str = "ada"
    ) -> str:
        """Place an order; its id."""
        address = Address(name="Ada", street="12 Mill Lane", city="Dublin", postal_code="D02", country="IE")
        answer = await self._orders.StartOrder(
            StartOrderRequest(
                customer_id=customer,
                email="ada@shop.example",
                lines=[Line(sku=line[0], quantity=line[1])],
                ship_to=address,
                card_token=card,
            ),
            wait_for_ready=True,
        )
        order_id: str = answer.order.order_id
        return order_id

    async def to_their_ends(self, *cards: str) -> list[str]:
        """Place an order for each of these cards, and wait until all have ended; their ids."""
        order_ids = [await self.place(card) for card in cards]
        for order_id in order_ids:
            await self.until(order_id, lambda saga: saga.HasField("ended_at"))
        return order_ids

    async def paused_in_doubt(self, customer: str = "ada") -> str:
        """Place an order that is paused when its payment was taken, and nobody here knows that; its id."""
        order_id = await self.place("tok_slow", customer=customer)
        async with asyncio.timeout(_SECONDS):
            while not await self._is_paid(order_id):  # noqa: ASYNC110 - another process
                await asyncio.sleep(_POLL_SECONDS)
        await self.sagas.PauseSaga(api.PauseSagaRequest(saga_id=order_id, reason="the bank is slow"))
        return order_id

    async def _is_paid(self, order_id: str) -> bool:
        try:
            await self._payments.GetPayment(GetPaymentRequest(order_id=order_id), wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def until(self, order_id: str, condition: Callable[[saga_pb2.Saga], bool]) -> saga_pb2.Saga:
        """The saga of an order, once this is so."""
        async with asyncio.timeout(_SECONDS):
            async for answer in self.sagas.WatchSaga(api.WatchSagaRequest(saga_id=order_id)):
                if condition(answer.saga):
                    return answer.saga
        raise AssertionError(f"order {order_id} has ended before that was so")

    async def approve(self, order_id: str) -> None:
        """Say yes to an order."""
        await self.sagas.DecideSaga(api.DecideSagaRequest(saga_id=order_id, approved=True))


@asynccontextmanager
async def orders_of(running: Running) -> AsyncIterator[Orders]:
    """The orders of an orchestrator that runs."""
    process = running.process
    async with process.connect(process.address, with_token(TOKEN)) as channel, running.shop.channel("payment") as paid:
        yield Orders(channel, paid)
