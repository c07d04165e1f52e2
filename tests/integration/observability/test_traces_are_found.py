"""What people ask a tracing backend about orders, asked of Jaeger where Go has built it: `make jaeger`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.state import Status
from orchestrator.observability import open_observability
from orchestrator.shop.demo.otlp import Span, Trace, loose_links, orphans, roots
from orchestrator.testing.mock import Fault
from saga.v1.saga_pb2 import STATUS_COMPENSATED, STATUS_COMPLETED, STATUS_SUSPENDED
from tests.support.engine_world import SAGA, EngineWorld, turns, until
from tests.support.mocked_shop import mocked_shop
from tests.support.trace_stores import TraceStore, trace_store
from tests.support.waiting_sagas import DAY, sleepy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

AUTHORIZE = "shop.payment.v1.PaymentService/AuthorizePayment"
ARRANGE = "shop.shipping.v1.ShippingService/ArrangeShipment"
RELEASE = "shop.inventory.v1.InventoryService/ReleaseStock"


@pytest.fixture(scope="module")
def store() -> Iterator[TraceStore]:
    with trace_store() as store:
        yield store


async def found(store: TraceStore, attributes: Mapping[str, str], number: int = 1) -> list[Trace]:
    """So many traces, as soon as there are so many: what has been taken is found a moment later."""
    async with asyncio.timeout(30):
        while len(traces := await asyncio.to_thread(store.find, "orchestrator", attributes)) < number:
            pass
    return traces


async def the_one(store: TraceStore, **attributes: str) -> Trace:
    names = {name.replace("__", "."): value for name, value in attributes.items()}
    (trace,) = await found(store, names)
    return trace


def named(trace: Trace) -> list[str]:
    """The names of a trace's spans in the order of their beginnings, but for the root."""
    return [span.name for span in trace if span.parent_id]


def only(trace: Trace, name: str) -> Span:
    (span,) = (span for span in trace if span.name == name)
    return span


async def test_orders_are_found_by_whatever_is_known_of_them(store: TraceStore, tmp_path: Path) -> None:
    async with mocked_shop(tmp_path, **store.environment) as shop:
        sold = await shop.order(1, customer_id="grace")
        shop.faults = {"AuthorizePayment": [Fault.REJECT]}
        declined = await shop.order(2, customer_id="ada")
        shop.faults = {"ArrangeShipment": [Fault.REJECT], "ReleaseStock": [Fault.REJECT]}
        suspended = await shop.order(3, customer_id="ada")
    assert [sold.status, declined.status, suspended.status] == [
        STATUS_COMPLETED,
        STATUS_COMPENSATED,
        STATUS_SUSPENDED,
    ]
    ids = {sold.saga_id, declined.saga_id, suspended.saga_id}

    def saga_of(trace: Trace) -> str:
        (saga_id,) = {str(span.attributes["saga.id"]) for span in trace if "saga.id" in span.attributes}
        return saga_id

    for saga_id in ids:  # the id of an order is that of its saga
        assert saga_of(await the_one(store, saga__id=saga_id)) == saga_id
    of_ada = await found(store, {"saga.attribute.customer_id": "ada"}, 2)
    assert {saga_of(trace) for trace in of_ada} == {declined.saga_id, suspended.saga_id}
    assert saga_of(await the_one(store, saga__attribute__customer_id="grace")) == sold.saga_id
    assert saga_of(await the_one(store, saga__status="completed")) == sold.saga_id
    assert saga_of(await the_one(store, saga__status="compensated")) == declined.saga_id
    assert saga_of(await the_one(store, saga__failed_command=AUTHORIZE)) == declined.saga_id
    assert saga_of(await the_one(store, saga__failed_command=RELEASE)) == suspended.saga_id
    assert saga_of(await the_one(store, saga__reason="COMPENSATION_REJECTED")) == suspended.saga_id
    refused = {"rpc.method": AUTHORIZE, "rpc.response.status_code": "FAILED_PRECONDITION"}
    assert [saga_of(trace) for trace in await found(store, refused)] == [declined.saga_id]


async def test_a_rolled_back_order_reads_well_in_the_timeline(store: TraceStore, tmp_path: Path) -> None:
    async with mocked_shop(tmp_path, **store.environment) as shop:
        shop.faults = {"ArrangeShipment": [Fault.REJECT]}
        order = await shop.order(4, customer_id="lin")

    trace = await the_one(store, saga__id=order.saga_id, saga__status="compensated")
    (root,) = roots(trace)
    assert root.name == "saga place_order"
    assert not orphans(trace)
    assert not loose_links(trace)
    assert named(trace) == [
        "saga started",
        "shop.product.v1.ProductService/CreateOrder",
        "shop.fraud.v1.FraudService/AssessOrder",
        "shop.inventory.v1.InventoryService/ReserveStock",
        "shop.pricing.v1.PricingService/PriceOrder",
        "shop.payment.v1.PaymentService/AuthorizePayment",
        "shop.shipping.v1.ShippingService/ArrangeShipment",
        "shop.payment.v1.PaymentService/VoidAuthorization",
        "shop.inventory.v1.InventoryService/ReleaseStock",
        "shop.product.v1.ProductService/CancelOrder",
    ]
    assert {span.name for span in trace if span.failed} == {"saga place_order", ARRANGE}
    assert only(trace, ARRANGE).attributes["error.type"] == "FAILED_PRECONDITION"
    assert only(trace, RELEASE).links == (
        (root.trace_id, only(trace, "shop.inventory.v1.InventoryService/ReserveStock").span_id),
    )
    assert [event.name for event in root.events] == ["saga.rollback_began"]
    assert root.attributes["saga.reason"] == "REJECTED"
    assert root.attributes["saga.failed_command"] == ARRANGE
    for span in trace:
        assert root.started_at <= span.started_at <= span.ended_at, span.name
        if span.kind == "CLIENT":
            assert span.attributes["rpc.system.name"] == "grpc"
            assert span.attributes["rpc.method"] == span.name
            assert span.attributes["rpc.response.status_code"] == span.attributes.get("error.type", "OK")
            assert span.attributes["server.address"] == "127.0.0.1"


async def test_a_saga_of_two_days_is_one_trace_although_its_replica_died(
    store: TraceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the clock of the test: the saga sleeps for a day, and for another day there is no replica to wake it."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    observer = open_observability(store.environment)
    world = EngineWorld(sleepy)
    world.clock.hold_from = 60.0
    world.observer = observer  # type: ignore[assignment]  # any observer
    first = await world.open()
    await first.worker.start(world.order(saga_id=SAGA))
    await until(lambda: world.state().status is Status.WAITING)
    world.crash()
    world.clock.advance(2 * DAY)
    await world.open()
    state = await world.stopped()
    assert state.status is Status.COMPLETED
    await turns()
    world.crash()
    assert await observer.close()

    trace = await the_one(store, saga__id=SAGA, saga__status="completed")
    (root,) = roots(trace)
    assert not orphans(trace)
    assert named(trace) == [
        "saga started",
        "shop.inventory.v1.InventoryService/ReserveStock",
        "wait sleep",
        "shop.payment.v1.PaymentService/CapturePayment",
    ]
    assert root.ended_at - root.started_at >= 2 * DAY * 1e9
    assert only(trace, "wait sleep").ended_at - only(trace, "wait sleep").started_at >= 2 * DAY * 1e9
    assert [event.name for event in root.events] == ["saga.parked", "saga.woken"]
    assert not any(span.failed for span in trace)
