"""Danced orders under load, and what has become of them: looked up where each subscriber keeps what it did."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final, Self

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage

from orchestrator.channels.grpc.bearer import with_token
from orchestrator.participant.security.brokers import BrokerAccess
from saga.v1 import saga_pb2
from saga.v1.saga_service_pb2 import GetSagaRequest, ListSagasRequest, SagaFilter, StartSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from services.chassis.event import Event
from services.chassis.events.broker import BrokerAway, Wanted
from services.chassis.events.jetstream import JetStreamBroker
from services.chassis.events.traffic import BEGINNING
from services.chassis.queue_address import QueueAddress
from services.chassis.queue_connection import connected
from services.loyalty.domain import STAMPS_A_CARD
from shop.order.v1.events_pb2 import OrderPlaced
from tests.crash.processes import PATIENCE_SECONDS, connect_in_plain
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from tests.crash.orders import Placed

DANCED: Final = "place_order_danced"
GIFT: Final = "set_gift_aside"

_ENDED: Final = frozenset({saga_pb2.STATUS_COMPLETED, saga_pb2.STATUS_COMPENSATED, saga_pb2.STATUS_SUSPENDED})
_PAUSE_SECONDS: Final = 0.1
_ATTEMPT_SECONDS: Final = 10.0
_PAGE: Final = 1000


class DancedOrders:
    """Places danced orders and waits for their ends, however often the orchestrator goes away; a context manager.

    Args:
        address: of the orchestrator.
        in_flight: how many orders are under way at once.

    Attributes:
        ended: the status of each saga that has ended, by its id, with its order.
    """

    def __init__(self, address: str, *, in_flight: int = 8) -> None:
        self._channel = connect_in_plain(address, with_token(TOKEN))
        self._sagas: Any = SagaServiceStub(self._channel)
        self._room = asyncio.Semaphore(in_flight)
        self.ended: dict[str, tuple[int, Placed]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def order_all(self, orders: Iterable[Placed]) -> None:
        """Place these, and wait until all of them have ended."""
        async with asyncio.TaskGroup() as group:
            for order in orders:
                group.create_task(self._order(order))

    async def gifts(self) -> Counter[int]:
        """How many sagas that set a gift aside there are, by their status."""
        request = ListSagasRequest(filter=SagaFilter(definition=GIFT), page_size=_PAGE)
        return Counter(saga.status for saga in (await self._asked("ListSagas", request)).sagas)

    async def _order(self, order: Placed) -> None:
        packed = AnyMessage()
        packed.Pack(order.request)
        request = StartSagaRequest(definition=DANCED, input=packed, request_id=order.request.request_id)
        async with self._room:
            saga = (await self._asked("StartSaga", request)).saga
            while saga.status not in _ENDED:
                await asyncio.sleep(_PAUSE_SECONDS)
                saga = (await self._asked("GetSaga", GetSagaRequest(saga_id=saga.saga_id))).saga
            self.ended[saga.saga_id] = (saga.status, order)

    async def _asked(self, rpc: str, request: object) -> Any:  # noqa: ANN401 - the reply of whichever rpc
        while True:
            with suppress(grpc.aio.AioRpcError):
                return await getattr(self._sagas, rpc)(request, timeout=_ATTEMPT_SECONDS)
            await asyncio.sleep(_PAUSE_SECONDS)


class Effects:
    """What the subscribers did, by their own databases.

    Args:
        folder: of their files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def wrong(self, orders: DancedOrders) -> list[str]:
        """What is not as it must be for these orders; waits a while until all is."""
        wrong = ["nothing was looked at"]
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while wrong := await self._wrong(orders):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(_PAUSE_SECONDS)
        return wrong

    async def _wrong(self, orders: DancedOrders) -> list[str]:
        completed = {key: order for key, (status, order) in orders.ended.items() if _is_completed(status)}
        members = {key: order for key, order in completed.items() if order.request.member}
        stamps = Counter(order.request.customer_id for order in members.values())
        cards = sum(count // STAMPS_A_CARD for count in stamps.values())
        found = {
            "confirmations": (self._keys("email", "confirmations"), set(completed)),
            "addresses": (self._keys("email", "addresses"), set()),
            "pick lists": (self._keys("warehouse", "pick_lists"), set(completed)),
            "credits": (self._keys("rewards", "credits"), set(members)),
            "stamps": (dict(self._rows("loyalty", "SELECT customer_id, stamps FROM stamps")), dict(stamps)),
            "gifts": (await orders.gifts(), Counter({saga_pb2.STATUS_COMPLETED: cards})),
            "dead letters": (self._dead_letters(), []),
        }
        return [f"{what}: {there} and not {wanted}" for what, (there, wanted) in found.items() if there != wanted]

    def _keys(self, service: str, table: str) -> set[str]:
        return {str(key) for (key,) in self._rows(service, f"SELECT order_id FROM {table}")}

    def _dead_letters(self) -> list[object]:
        services = ("email", "warehouse", "rewards", "loyalty")
        return [row for name in services for row in self._rows(name, "SELECT subscription, reason FROM dead_letters")]

    def _rows(self, service: str, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._folder / service}.db?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()


async def wrong_in_the_stream(url: str, orders: DancedOrders) -> list[str]:
    """What the stream of events does not hold as it must: each event of each saga, the first time in order."""
    told: dict[str, list[Event]] = {}
    positions: dict[str, str] = {}
    for headers, event in await _events(url):
        if event.id not in positions:
            positions[event.id] = headers.get("ce-sequence", "")
            told.setdefault(event.subject, []).append(event)
    wrong = []
    for saga_id, (status, _) in orders.ended.items():
        events = told.get(saga_id, [])
        placed = sum(event.type == OrderPlaced.DESCRIPTOR.full_name for event in events)
        if placed != _is_completed(status):
            wrong.append(f"{saga_id} has status {status}, and OrderPlaced was told {placed} times")
        order = [positions[event.id] for event in events]
        if order != sorted(order):
            wrong.append(f"the events of {saga_id} are out of order: {[event.type for event in events]}")
    return wrong


def _is_completed(status: int) -> bool:
    return status == saga_pb2.STATUS_COMPLETED


async def _events(url: str) -> list[tuple[Any, Event]]:
    """All that stands in the stream, in its order."""
    address = QueueAddress.parse(url, "events")
    types = ["shop.>", "saga.>"]
    found: list[tuple[Any, Event]] = []
    async with connected(address, BrokerAccess(), name="reader") as connection:
        feed = JetStreamBroker(connection, address.subjects.prefix).feed(Wanted("reader", types, BEGINNING))
        while True:
            try:
                await feed.unsettled()
                while deliveries := await feed.fetch(100):
                    for each in deliveries:
                        found.append((each.headers, Event.read(each.headers, each.data)))
                        await each.settle()
                return found
            except BrokerAway:
                await asyncio.sleep(_PAUSE_SECONDS)
