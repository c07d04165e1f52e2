"""The orders of the demo, and how they are placed: each is the input of a saga, and the saga says how it is sold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage

from orchestrator.channels.grpc.bearer import with_token
from orchestrator.cli.output.rendering import ENDED
from orchestrator.shop.demo.processes import CHANNEL_OPTIONS
from saga.v1.saga_pb2 import STATUS_SUSPENDED, Saga
from saga.v1.saga_service_pb2 import GetSagaRequest, ListSagasRequest, SagaFilter, StartSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Address, Line

ORCHESTRATED: Final = "place_order"
DANCED: Final = "place_order_danced"
GIFT: Final = "set_gift_aside"

_AT_REST: Final = frozenset({*ENDED, STATUS_SUSPENDED})
_SECONDS: Final = 5
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class DemoOrder:
    """An order to place.

    Attributes:
        definition: of the saga that sells.
        customer: who orders; an address and points of their own.
        email: where the confirmation goes.
    """

    definition: str
    customer: str
    email: str = ""

    @property
    def request(self) -> StartOrderRequest:
        """What is ordered."""
        return StartOrderRequest(
            customer_id=self.customer,
            email=self.email or f"{self.customer}@shop.example",
            lines=[Line(sku="MUG-BLUE", quantity=1)],
            ship_to=Address(
                name=self.customer, street="Main Street 1", city="Berlin", postal_code="10115", country="DE"
            ),
            card_token="tok_visa",  # noqa: S106 - a test card of the shop
            member=True,
        )


class Front:
    """The front door of the orchestrator; an async context manager.

    Args:
        address: of the orchestrator.
        token: the local operator's.
    """

    def __init__(self, address: str, token: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS, interceptors=with_token(token))
        self._sagas = SagaServiceStub(self._channel)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def place(self, order: DemoOrder) -> str:
        """Place an order; its id."""
        packed = AnyMessage()
        packed.Pack(order.request)
        request = StartSagaRequest(definition=order.definition, input=packed)
        return str((await self._sagas.StartSaga(request, timeout=_SECONDS)).saga.saga_id)

    async def saga(self, saga_id: str) -> Saga:
        """A saga, as operators see it."""
        return (await self._sagas.GetSaga(GetSagaRequest(saga_id=saga_id), timeout=_SECONDS)).saga

    async def at_rest(self, saga_id: str) -> Saga:
        """The same, as soon as it has ended or waits for an operator."""
        while (saga := await self.saga(saga_id)).status not in _AT_REST:  # noqa: ASYNC110 - another process
            await asyncio.sleep(_POLL_SECONDS)
        return saga

    async def ended(self, order: DemoOrder) -> Saga:
        """Place an order, and wait until it is at rest."""
        return await self.at_rest(await self.place(order))

    async def gifts(self) -> list[Saga]:
        """The sagas that set a gift aside, the newest first."""
        request = ListSagasRequest(filter=SagaFilter(definition=GIFT), page_size=100)
        listed = (await self._sagas.ListSagas(request, timeout=_SECONDS)).sagas
        # A list is without traces.
        return [await self.saga(each.saga_id) for each in listed]
