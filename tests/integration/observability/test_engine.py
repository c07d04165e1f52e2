"""What the engine does, participants see and a collector gets must tell the same story."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orchestrator import saga, saga_id
from orchestrator.journal.state import Status
from orchestrator.observability import open_observability
from orchestrator.shop.demo.otlp import Collector, Span, Trace, loose_links, orphans, roots
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub  # noqa: TC001 - the saga's signature is read
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub  # noqa: TC001 - as above
from tests.support.engine_world import EngineWorld, rejected, unknown, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from orchestrator.observability import ClosableObserver

ORDER = StartOrderRequest(request_id="request-1", customer_id="c-7")


@dataclass(frozen=True)
class Shop:
    inventory: InventoryServiceStub
    payment: PaymentServiceStub


@saga("sell", version=1)
async def sell(order: StartOrderRequest, shop: Shop) -> Receipt:
    order_id = saga_id()
    await shop.inventory.ReserveStock(ReserveStockRequest(order_id=order_id, lines=order.lines))
    await shop.payment.AuthorizePayment(AuthorizePaymentRequest(order_id=order_id, customer_id=order.customer_id))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=order_id))
    return Receipt(order_id=order_id)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
async def observer(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ClosableObserver]:
    for name, value in collector.environment.items():
        monkeypatch.setenv(name, value)
    observer = open_observability(collector.environment)
    yield observer
    await observer.close()


@pytest.fixture
def world(observer: ClosableObserver) -> EngineWorld:
    world = EngineWorld(sell)
    world.observer = observer  # type: ignore[assignment]  # any observer
    return world


async def answered_never() -> None:
    await asyncio.get_running_loop().create_future()


async def told(world: EngineWorld, collector: Collector, observer: ClosableObserver) -> Trace:
    """The trace of the only saga, which must be whole and hold the parent of whatever a participant did."""
    await observer.close()
    (trace,) = collector.traces.values()
    assert len(roots(trace)) == 1
    assert not orphans(trace)
    assert not loose_links(trace)
    assert not collector.conflicts
    sent = {metadata["traceparent"].split("-")[2] for _, metadata, _ in world.participants.calls}
    assert sent == {span.span_id for span in trace if span.kind == "CLIENT"}
    return trace


def attempts(trace: Trace) -> list[tuple[str, str]]:
    calls = [span.attributes for span in trace if span.kind == "CLIENT"]
    return [(call["rpc.method"].partition("/")[2], call["saga.outcome"]) for call in calls]


def root(trace: Trace) -> Span:
    return roots(trace)[0]


async def test_a_saga_with_a_retry(world: EngineWorld, collector: Collector, observer: ClosableObserver) -> None:
    world.participants.scripts["ReserveStock"] = [unknown()]
    state = await world.worker().start(world.order(ORDER), wait=60)
    assert state.status is Status.COMPLETED
    assert attempts(await told(world, collector, observer)) == [
        ("ReserveStock", "unknown"),
        ("ReserveStock", "completed"),
        ("AuthorizePayment", "completed"),
        ("CapturePayment", "completed"),
    ]


async def test_a_saga_that_is_rolled_back(world: EngineWorld, collector: Collector, observer: ClosableObserver) -> None:
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    world.participants.scripts["ReleaseStock"] = [unknown()]
    state = await world.worker().start(world.order(ORDER), wait=60)
    assert state.status is Status.COMPENSATED
    trace = await told(world, collector, observer)
    assert attempts(trace) == [
        ("ReserveStock", "completed"),
        ("AuthorizePayment", "rejected"),
        ("ReleaseStock", "unknown"),
        ("ReleaseStock", "completed"),
    ]
    assert root(trace).attributes["saga.status"] == "compensated"


async def test_a_saga_that_outlives_its_process(
    world: EngineWorld, collector: Collector, observer: ClosableObserver
) -> None:
    world.participants.scripts["AuthorizePayment"] = [answered_never]
    await world.worker().start(world.order(ORDER))
    await until(lambda: "AuthorizePayment" in world.participants.methods())
    world.crash()
    following = world.worker()
    await following.open()
    await until(lambda: not following.live)
    trace = await told(world, collector, observer)
    assert attempts(trace) == [
        ("ReserveStock", "completed"),
        ("AuthorizePayment", "unknown"),
        ("AuthorizePayment", "completed"),
        ("CapturePayment", "completed"),
    ]
    assert [event.name for event in root(trace).events] == ["saga.recovered"]
    assert collector.copies == 0  # its observer lives, and has passed on what there was


async def test_a_rollback_that_outlives_its_process(
    world: EngineWorld, collector: Collector, observer: ClosableObserver
) -> None:
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    world.participants.scripts["ReleaseStock"] = [unknown(), answered_never]
    await world.worker().start(world.order(ORDER))
    await until(lambda: world.participants.methods().count("ReleaseStock") == 2)
    world.crash()
    following = world.worker()
    await following.open()
    await until(lambda: not following.live)
    trace = await told(world, collector, observer)
    assert attempts(trace)[2:] == [
        ("ReleaseStock", "unknown"),
        ("ReleaseStock", "unknown"),
        ("ReleaseStock", "completed"),
    ]
    assert {span.links for span in trace if span.name.endswith("ReleaseStock")} == {
        ((root(trace).trace_id, span.span_id),) for span in trace if span.name.endswith("ReserveStock")
    }


async def test_a_caller_that_goes_on_with_its_trace(
    world: EngineWorld, collector: Collector, observer: ClosableObserver
) -> None:
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await world.worker().start(world.order(ORDER)._replace(traceparent=caller), wait=60)
    await observer.close()
    ((trace_id, trace),) = collector.traces.items()
    assert trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert [span.parent_id for span in orphans(trace)] == ["b7ad6b7169203331"]


async def test_a_caller_that_does_not_want_a_trace(
    world: EngineWorld, collector: Collector, observer: ClosableObserver
) -> None:
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    await world.worker().start(world.order(ORDER)._replace(traceparent=caller), wait=60)
    await observer.close()
    assert collector.spans == ()
    assert {metadata["traceparent"] for _, metadata, _ in world.participants.calls} == {caller}
