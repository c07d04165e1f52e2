"""Who is compared: the bare chain of stub calls, and the sagas of a replica, traced or not."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc.aio
from bench.v1.bench_pb2 import Order
from bench.v1.bench_pb2_grpc import CheckoutServiceStub

from orchestrator.errors import SagaNotCompleted
from tests.bench.checkout.sagas import Shop, chain, checkout, take_back
from tests.bench.processes import BenchFailed
from tests.bench.rounds import closed_loop

if TYPE_CHECKING:
    from orchestrator.bootstrap import OpenedReplica
    from orchestrator.definition.saga import SagaDefinition
    from tests.bench.receiver import SpanTally

_BATCH = 512
"""Spans that the orchestrator may hold back at any time: one batch, as OTEL_BSP_MAX_EXPORT_BATCH_SIZE has it."""
_PAUSE_SECONDS = 0.002
_PATIENCE_SECONDS = 5.0
_SAMPLE = 8


def order(*, refuse: bool = False) -> Order:
    """What is checked out; refused by the fourth command, if so wished."""
    return Order(sku="A-1", quantity=2, amount=4200, address="Main Street 1", refuse=refuse)


class Bare:
    """The chain of stub calls, without durability or tracing; where it is refused, also the calls that take it back."""

    name = "bare"

    def __init__(self, channel: grpc.aio.Channel, *, refuse: bool = False) -> None:
        self._shop = Shop(CheckoutServiceStub(channel))
        self._order = order(refuse=refuse)

    async def run(self, number: int, in_flight: int) -> list[float]:
        """So many chains; the seconds of each."""
        return await closed_loop(self.one, number, in_flight)

    async def one(self, number: int) -> None:
        """One chain."""
        order_id = str(number)
        try:
            await chain(self._order, self._shop, order_id)
        except grpc.aio.AioRpcError as error:
            if not self._order.refuse or error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
            await take_back(self._shop, order_id)

    async def catch_up(self, number: int) -> None:
        """Nothing is left."""

    async def finish(self) -> None:
        """Nothing is left."""


class Sagas:
    """The sagas of a replica; an order that is refused ends compensated.

    Args:
        name: as results call it.
        replica: runs them.
        refuse: the fourth command is rejected.
        request_ids: each is started with a request id.
        definition: which sagas.
    """

    def __init__(
        self,
        name: str,
        replica: OpenedReplica,
        *,
        refuse: bool = False,
        request_ids: bool = False,
        definition: SagaDefinition[Order, Any, Any] = checkout,
    ) -> None:
        self.name = name
        self.replica = replica
        self._definition = definition
        self._request_ids = request_ids
        self._order = order(refuse=refuse)

    async def run(self, number: int, in_flight: int) -> list[float]:
        """So many sagas; the seconds of each."""
        return await closed_loop(self.one, number, in_flight)

    async def one(self, _number: int) -> None:
        """One saga, to its end."""
        request_id = uuid.uuid4().hex if self._request_ids else ""
        try:
            await self.replica.run(self._definition, self._order, request_id=request_id)
        except SagaNotCompleted as error:
            if not self._order.refuse or error.status != "compensated":
                raise

    async def begin(self, _number: int) -> None:
        """Start one saga, and wait for nothing but its start."""
        try:
            await self.replica.run(self._definition, self._order, wait=timedelta())
        except SagaNotCompleted as error:
            if error.status != "running":
                raise

    async def catch_up(self, number: int) -> None:
        """Nothing is left: the end of a saga is durable before its caller hears of it."""

    async def finish(self) -> None:
        """Nothing is left."""


class TracedSagas(Sagas):
    """The same, with every span exported: a round lasts until no more than one batch of them is held back.

    Attributes:
        exported: spans that have arrived in all rounds.
        lost: spans that have not.
    """

    def __init__(self, replica: OpenedReplica, tally: SpanTally, *, refuse: bool = False) -> None:
        super().__init__("traced", replica, refuse=refuse)
        self._tally = tally
        self._spans_each = 0
        self._expected = tally.received
        self.exported = 0
        self.lost = 0

    async def prepare(self) -> None:
        """Find out how many spans a saga has.

        Raises:
            BenchFailed: none arrived.
        """
        before = self._tally.received
        for number in range(_SAMPLE):
            await self.one(number)
        await self._wait(None)
        self._expected = self._tally.received
        self._spans_each, odd = divmod(self._expected - before, _SAMPLE)
        if odd or not self._spans_each:
            raise BenchFailed(f"{_SAMPLE} sagas alike sent {self._expected - before} spans to the OTLP receiver")

    async def catch_up(self, number: int) -> None:
        """Until at most one batch is held back."""
        self._expected += number * self._spans_each
        self.exported += number * self._spans_each
        await self._wait(self._expected - _BATCH)

    async def finish(self) -> None:
        """Until the last span has arrived, or no more do."""
        await self._wait(self._expected)
        missing = self._expected - self._tally.received
        self.lost += missing
        self.exported -= missing
        self._expected = self._tally.received

    async def _wait(self, number: int | None) -> None:
        """Until so many spans have arrived in all, or for some time no more have."""
        patience = _PATIENCE_SECONDS if number is not None else 1.0
        loop = asyncio.get_running_loop()
        seen, since = self._tally.received, loop.time()
        while (number is None or seen < number) and loop.time() - since < patience:
            await asyncio.sleep(_PAUSE_SECONDS)
            if self._tally.received != seen:
                seen, since = self._tally.received, loop.time()
