"""Orders that the tests of pages place and look at, by the API."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from orchestrator.channels.grpc.bearer import with_token
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as api
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from shop.type.v1.type_pb2 import Address, Line
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import grpc.aio

    from tests.crash.processes import Process

DEAR: Final = ("TEE-M", 1000)
"""What needs an approval."""
_SECONDS: Final = 30


class Orders:
    """The orders of one orchestrator."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._orders = OrderServiceStub(channel)
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
            )
        )
        order_id: str = answer.order.order_id
        return order_id

    async def paused_in_doubt(self, customer: str = "ada") -> str:
        """Place an order whose payment is in doubt when it is paused; its id."""
        order_id = await self.place("tok_slow", customer=customer)
        await self.until(order_id, lambda saga: any(_pays(step) for step in saga.steps))
        await self.sagas.PauseSaga(api.PauseSagaRequest(saga_id=order_id, reason="the bank is slow"))
        return order_id

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
async def orders_of(process: Process) -> AsyncIterator[Orders]:
    """The orders of an orchestrator that runs."""
    async with process.connect(process.address, with_token(TOKEN)) as channel:
        yield Orders(channel)


def _pays(step: saga_pb2.Step) -> bool:
    return step.method.endswith("AuthorizePayment") and step.state == saga_pb2.STEP_STATE_IN_PROGRESS
