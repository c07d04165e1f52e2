"""A real orchestrator that serves the shop, whose participants are mocks that fail as a test wants."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

import grpc.aio
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration

from orchestrator.shop.place_order import place_order
from orchestrator.testing.mock import Fault, MockParticipant
from saga.v1 import saga_service_pb2 as pb
from saga.v1.saga_pb2 import STATUS_WAITING
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Address, Line
from tests.support.served import served, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from saga.v1.saga_pb2 import Saga
    from tests.support.served import Served

_SAGAS: Final = ("orchestrator.shop", "tests.support.measured_sagas")
_ADMIN: Final = (("authorization", f"Bearer {token_of('admin')}"),)


class MockedShop:
    """The orchestrator, and its participants.

    Attributes:
        process: the orchestrator.
        faults: what happens to the next calls of each method, by its short name; those after them go well.
        sagas: its API, called as an admin.
    """

    def __init__(self) -> None:
        self.process: Served
        self.sagas: SagaServiceStub
        self.faults: Mapping[str, list[Fault]] = {}

    def fault(self, command: Command, metadata: tuple[tuple[str, str], ...]) -> Fault:  # noqa: ARG002 - see Faults
        """What happens to the next call."""
        faults = self.faults.get(command.method)
        return faults.pop(0) if faults else Fault.NONE

    async def order(
        self, number: int, definition: str = "place_order", wait: float = 30, customer_id: str = "ada"
    ) -> Saga:
        """Place the order of this number; the saga once it has ended or is suspended, or after so many seconds."""
        request_id = str(UUID(int=number))
        order = StartOrderRequest(
            request_id=request_id,
            customer_id=customer_id,
            lines=[Line(sku="MUG-BLUE", quantity=1)],
            ship_to=Address(name="Ada", street="Main Street 1", city="Lisbon", postal_code="1100", country="PT"),
            card_token="tok_visa",
            email="ada@example.com",
        )
        packed = Packed()
        packed.Pack(order)
        span = Duration()
        span.FromNanoseconds(int(wait * 1e9))
        start = pb.StartSagaRequest(definition=definition, version=1, input=packed, request_id=request_id, wait=span)
        answer: pb.StartSagaResponse = await self.sagas.StartSaga(start, metadata=_ADMIN)
        return answer.saga

    async def say(self, saga_id: str, name: str, message: Message) -> None:
        """Give a saga a signal."""
        packed = Packed()
        packed.Pack(message)
        signal = pb.SignalSagaRequest(saga_id=saga_id, name=name, message=packed, request_id=str(UUID(int=1)))
        await self.sagas.SignalSaga(signal, metadata=_ADMIN)

    async def becomes(self, saga_id: str, status: int) -> Saga:
        """A saga once it has this status."""
        async for answer in self.sagas.WatchSaga(pb.WatchSagaRequest(saga_id=saga_id), metadata=_ADMIN):
            if answer.saga.status == status:
                return answer.saga
        raise AssertionError(f"saga {saga_id} has ended otherwise")

    async def waits_for(self, saga_id: str, signal: str) -> None:
        """Wait until a saga is parked, and waits for this signal."""
        async for answer in self.sagas.WatchSaga(pb.WatchSagaRequest(saga_id=saga_id), metadata=_ADMIN):
            waited_for = {waiting.signal for waiting in answer.saga.waiting}
            if answer.saga.status == STATUS_WAITING and signal in waited_for:
                break
        else:
            raise AssertionError(f"saga {saga_id} has ended")
        # A watch tells of an entry as soon as it is on its way into the journal; what is counted is what is there.
        parked = pb.ListSagasRequest(filter=pb.SagaFilter(statuses=[STATUS_WAITING]))
        while saga_id not in {saga.saga_id for saga in (await self.sagas.ListSagas(parked, metadata=_ADMIN)).sagas}:
            pass


@asynccontextmanager
async def mocked_shop(folder: Path, **environment: str) -> AsyncIterator[MockedShop]:
    """The shop with these settings; the orchestrator has drained when the block is left."""
    shop = MockedShop()
    services = [each.service for each in place_order.participants]
    async with MockParticipant(services, listen="127.0.0.1:0", faults=shop.fault) as mock:
        where = ",".join(f"{service.full_name}={mock.address}" for service in services)
        with served(folder, sagas=_SAGAS, ORCHESTRATOR_PARTICIPANTS=where, **environment) as process:
            shop.process = process
            async with grpc.aio.insecure_channel(process.address) as channel:
                shop.sagas = SagaServiceStub(channel)
                yield shop
