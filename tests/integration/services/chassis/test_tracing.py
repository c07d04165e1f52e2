"""Spans reach a real OTLP receiver."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.services.chassis.conftest import Start

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
RESERVE = ReserveStockRequest(order_id="order-1", lines=[{"sku": "MUG-BLUE", "quantity": 1}])


class Collector(TraceServiceServicer):
    """An OTLP receiver that keeps what it gets, as (name of the service, span)."""

    def __init__(self) -> None:
        self.spans: asyncio.Queue[tuple[str, Span]] = asyncio.Queue()
        self.endpoint = ""

    async def Export(  # noqa: N802 - named by the contract
        self, request: ExportTraceServiceRequest, _context: object
    ) -> ExportTraceServiceResponse:
        for of_resource in request.resource_spans:
            name = attributes(of_resource.resource)["service.name"]
            for of_scope in of_resource.scope_spans:
                for span in of_scope.spans:
                    self.spans.put_nowait((name, span))
        return ExportTraceServiceResponse()

    async def next(self) -> tuple[str, Span]:
        return await asyncio.wait_for(self.spans.get(), 30)


def attributes(owner: Any) -> dict[str, Any]:  # noqa: ANN401 - a resource or a span
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in owner.attributes}


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    server = grpc.aio.server()
    receiver = Collector()
    add_TraceServiceServicer_to_server(receiver, server)
    receiver.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield receiver
    await server.stop(None)


async def test_a_call_is_a_server_span_of_the_callers_trace(start: Start, collector: Collector) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_BSP_SCHEDULE_DELAY="50")
    metadata = (
        ("traceparent", f"00-{TRACE}-{CALLER}-01"),
        ("saga-id", "saga-1"),
        ("idempotency-key", "key-1"),
    )
    await InventoryServiceStub(inventory.channel).ReserveStock(RESERVE, metadata=metadata)
    name, span = await collector.next()
    assert name == "inventory"
    assert (span.name, span.kind) == ("shop.inventory.v1.InventoryService/ReserveStock", Span.SPAN_KIND_SERVER)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, CALLER)
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert attributes(span) == {
        "rpc.system": "grpc",
        "rpc.service": "shop.inventory.v1.InventoryService",
        "rpc.method": "ReserveStock",
        "rpc.grpc.status_code": 0,
        "shop.order.id": "order-1",
        "saga.id": "saga-1",
        "saga.idempotency_key": "key-1",
    }


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"ff-{TRACE}-{CALLER}-01", f"00-{'0' * 32}-{CALLER}-01"])
async def test_a_call_without_a_usable_parent_starts_a_trace(
    start: Start, collector: Collector, traceparent: str
) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_SERVICE_NAME="stock")
    stub = InventoryServiceStub(inventory.channel)
    await stub.GetStock(GetStockRequest(sku="MUG-BLUE"), metadata=(("traceparent", traceparent),))
    # The batch would be sent in 5 seconds; the drain does not wait for that.
    assert await inventory.stop(signal.SIGTERM) == 0
    name, span = await collector.next()
    assert name == "stock"
    assert span.parent_span_id == b""
    assert span.trace_id.hex() != TRACE


async def test_a_refusal_is_no_failure_of_the_service(start: Start, collector: Collector) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector.endpoint)
    stub = InventoryServiceStub(inventory.channel)
    for sku in ("UNICORN", ""):
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.GetStock(GetStockRequest(sku=sku))
    await inventory.stop(signal.SIGTERM)
    spans = [(await collector.next())[1] for _ in range(2)]
    assert [attributes(span)["rpc.grpc.status_code"] for span in spans] == [5, 3]
    assert {span.status.code for span in spans} == {Status.STATUS_CODE_UNSET}


async def test_a_caller_that_does_not_sample_is_respected(start: Start, collector: Collector) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    stub = InventoryServiceStub(inventory.channel)
    for flags in ("00", "01"):
        sku = GetStockRequest(sku="MUG-BLUE")
        await stub.GetStock(sku, metadata=(("traceparent", f"00-{TRACE}-{CALLER}-{flags}"),))
    await inventory.stop(signal.SIGTERM)
    await collector.next()
    assert collector.spans.empty()


async def test_a_collector_that_is_away_does_not_hold_up_the_end(start: Start) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    await InventoryServiceStub(inventory.channel).GetStock(GetStockRequest(sku="MUG-BLUE"))
    assert await inventory.stop(signal.SIGTERM) == 0
