"""Orders by schedule, on two replicas that are killed with -9 around the due instants: each starts one order."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage

from orchestrator.channels.grpc.bearer import with_token
from saga.v1 import schedule_service_pb2 as pb
from saga.v1.saga_pb2 import STATUS_COMPLETED
from saga.v1.saga_service_pb2 import GetSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from saga.v1.schedule_pb2 import OVERLAP_POLICY_ALLOW_ALL, START_OUTCOME_STARTED, Schedule
from saga.v1.schedule_service_pb2_grpc import ScheduleServiceStub
from shop.order.v1.order_service_pb2 import GetOrderRequest
from tests.crash.customers import Customers, in_turn
from tests.crash.orders import draw
from tests.crash.processes import connect_in_plain
from tests.crash.replicas import replicas_of
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.crash.invariants import Invariants
    from tests.crash.orders import Placed
    from tests.crash.shop import Shop

ROUNDS: Final = 5
OF_A_ROUND: Final = 4
BETWEEN_SECONDS: Final = 0.3
FIRST_SECONDS: Final = 3.0
PATIENCE: Final = 90.0
PAUSE: Final = 0.1


class Planner:
    """Who lets orders start by themselves, at whichever replica is there."""

    def __init__(self, address: str) -> None:
        self._channel = connect_in_plain(address, with_token(TOKEN))
        self.schedules = ScheduleServiceStub(self._channel)
        self.sagas = SagaServiceStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def create(self, order: Placed, seconds: float) -> str:
        """Let an order start once, after so many seconds."""
        box = AnyMessage()
        box.Pack(order.request)
        schedule = Schedule(
            name=f"order-{order.request.request_id}",
            definition="place_order",
            input=box,
            overlap_policy=OVERLAP_POLICY_ALLOW_ALL,
        )
        schedule.at.FromNanoseconds(time.time_ns() + int(seconds * 1e9))
        request = pb.CreateScheduleRequest(schedule=schedule, request_id=order.request.request_id)
        await insisting(self.schedules.CreateSchedule, request)
        return schedule.name

    async def started(self, name: str) -> str:
        """Wait until a schedule has noted its start; the order's id."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await insisting(self.schedules.GetSchedule, pb.GetScheduleRequest(name=name))
                if starts := answer.schedule.last_starts:
                    (start,) = starts
                    assert start.outcome == START_OUTCOME_STARTED
                    assert not answer.schedule.next_instants
                    return str(start.saga_id)
                await asyncio.sleep(PAUSE)

    async def completed(self, saga_id: str) -> None:
        """Wait until an order is completed."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await insisting(self.sagas.GetSaga, GetSagaRequest(saga_id=saga_id))
                if answer.saga.status == STATUS_COMPLETED:
                    return
                await asyncio.sleep(PAUSE)


async def insisting(call: Callable[..., Awaitable[Any]], request: Message) -> Any:  # noqa: ANN401 - any answer
    """The answer, asked for until there is a replica that gives it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await call(request, timeout=5)
            except grpc.aio.AioRpcError as error:
                if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                    raise
                await asyncio.sleep(PAUSE)


@asynccontextmanager
async def planner_at(address: str) -> AsyncIterator[Planner]:
    planner = Planner(address)
    yield planner
    await planner.close()


async def ended(planner: Planner, customers: Customers, orders: Iterable[Placed], names: Iterable[str]) -> None:
    """Wait until every order that was to start is completed, and let the customers know of it."""
    for order, name in zip(orders, names, strict=True):
        order.order_id = await planner.started(name)
        await planner.completed(order.order_id)
        answer = await insisting(customers.orders.GetOrder, GetOrderRequest(order_id=order.order_id))
        order.seen = answer.order
        customers.placed.append(order)


async def test_each_due_instant_starts_one_order_though_replicas_are_killed_again_and_again_around_it(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, postgres_url: str
) -> None:
    replicas = await replicas_of(shop, tmp_path, postgres_url, 2)
    orders = draw(chance, ROUNDS * OF_A_ROUND, run=run, kinds=("good",))
    names: list[str] = []
    async with Customers(in_turn(replicas)) as customers, planner_at(in_turn(replicas)) as planner:
        for number in range(ROUNDS):
            for each in range(OF_A_ROUND):
                names.append(await planner.create(orders[len(names)], FIRST_SECONDS + each * BETWEEN_SECONDS))
            victim = replicas[number % 2]
            await asyncio.sleep(FIRST_SECONDS - 1 + chance.uniform(0, 1 + OF_A_ROUND * BETWEEN_SECONDS))
            victim.kill()
            await victim.restart()
        await ended(planner, customers, orders, names)
        assert len({order.order_id for order in orders}) == len(orders)
        assert await invariants.broken(customers) == []


async def test_a_replica_that_dies_between_a_start_and_the_note_of_it_leaves_one_order(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path, postgres_url: str
) -> None:
    (order,) = draw(chance, 1, run=run, kinds=("good",))
    first = shop.orchestrator(tmp_path, journal=postgres_url, lease_seconds="2", failpoints="started:1")
    await first.restart()
    async with planner_at(first.address) as planner:
        name = await planner.create(order, 1.0)
        assert await first.ended() < 0, "it was killed when the start was durable"
    (second,) = await replicas_of(shop, tmp_path, postgres_url, 1)
    async with Customers(second.address) as customers, planner_at(second.address) as planner:
        await ended(planner, customers, [order], [name])
        assert await invariants.broken(customers) == []
