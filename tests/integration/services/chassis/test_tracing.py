"""Spans reach a real OTLP receiver."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from orchestrator.shop.demo.otlp import Collector, Trace
from services.chassis.arrivals import Way
from services.chassis.server import Served
from shop.inventory.v1.inventory_pb2 import DESCRIPTOR, GetStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.ways import Ways

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.services.chassis.conftest import Start
    from tests.support.nats import NatsServer

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
UNUSABLE = ("", "nonsense", f"ff-{TRACE}-{CALLER}-01", f"00-{'0' * 32}-{CALLER}-01")
RESERVE = ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=1)])


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


async def arrived(collector: Collector, count: int) -> Trace:
    """The spans, once there are so many."""
    return await asyncio.to_thread(collector.wait_for, lambda spans: len(spans) >= count)


async def test_a_call_is_a_server_span_of_the_callers_trace(start: Start, collector: Collector) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_BSP_SCHEDULE_DELAY="50")
    metadata = (
        ("traceparent", f"00-{TRACE}-{CALLER}-01"),
        ("saga-id", "saga-1"),
        ("idempotency-key", "key-1"),
    )
    await InventoryServiceStub(inventory.channel).ReserveStock(RESERVE, metadata=metadata)
    (span,) = await arrived(collector, 1)
    assert span.service == "inventory"
    assert (span.name, span.kind) == ("shop.inventory.v1.InventoryService/ReserveStock", "SERVER")
    assert (span.trace_id, span.parent_id) == (TRACE, CALLER)
    assert not span.failed
    assert span.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "shop.inventory.v1.InventoryService/ReserveStock",
        "rpc.response.status_code": "OK",
        "server.address": "127.0.0.1",
        "shop.order.id": "order-1",
        "saga.id": "saga-1",
        "saga.idempotency_key": "key-1",
    }


@pytest.mark.parametrize("way", [Way.HTTP, Way.NATS])
async def test_a_call_over_another_way_is_a_span_of_the_callers_trace_too(
    start: Start, collector: Collector, shared_nats: NatsServer, way: Way
) -> None:
    ways, contract = Ways(way, shared_nats), DESCRIPTOR.services_by_name["InventoryService"]
    await ways.prepare(contract)
    settings = {f"INVENTORY_{name.upper()}": value for name, value in ways.settings().items()}
    settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
    inventory = await start("inventory", OTEL_BSP_SCHEDULE_DELAY="50", **settings)
    metadata = (("traceparent", f"00-{TRACE}-{CALLER}-01"), ("idempotency-key", "key-1"))
    async with ways.channel(contract, Served(inventory.address, inventory.url)) as channel:
        await InventoryServiceStub(channel).ReserveStock(RESERVE, metadata=metadata)
    (span,) = await arrived(collector, 1)
    assert (span.trace_id, span.parent_id) == (TRACE, CALLER)
    assert (span.name, span.kind) == ("shop.inventory.v1.InventoryService/ReserveStock", "SERVER")
    assert span.attributes["rpc.system.name"] == way
    assert "server.address" not in span.attributes


async def test_calls_without_a_usable_parent_start_a_trace_each(start: Start, collector: Collector) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_SERVICE_NAME="stock")
    stub = InventoryServiceStub(inventory.channel)
    for traceparent in UNUSABLE:
        await stub.GetStock(GetStockRequest(sku="MUG-BLUE"), metadata=(("traceparent", traceparent),))
    # The batch would be sent in 5 seconds; the drain does not wait for that.
    assert await inventory.stop(signal.SIGTERM) == 0
    spans = await arrived(collector, len(UNUSABLE))
    assert {span.service for span in spans} == {"stock"}
    assert {span.parent_id for span in spans} == {""}
    assert len({span.trace_id for span in spans} - {TRACE}) == len(UNUSABLE)


async def test_a_refusal_does_not_count_as_a_failure_of_the_service(start: Start, collector: Collector) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector.endpoint)
    stub = InventoryServiceStub(inventory.channel)
    for sku in ("UNICORN", ""):
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.GetStock(GetStockRequest(sku=sku))
    await inventory.stop(signal.SIGTERM)
    spans = await arrived(collector, 2)
    assert [span.attributes["rpc.response.status_code"] for span in spans] == ["NOT_FOUND", "INVALID_ARGUMENT"]
    assert not any(span.failed for span in spans)


async def test_a_caller_that_does_not_sample_is_respected(start: Start, collector: Collector) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    stub = InventoryServiceStub(inventory.channel)
    for flags in ("00", "01"):
        sku = GetStockRequest(sku="MUG-BLUE")
        await stub.GetStock(sku, metadata=(("traceparent", f"00-{TRACE}-{CALLER}-{flags}"),))
    await inventory.stop(signal.SIGTERM)
    assert len(await arrived(collector, 1)) == 1


async def test_an_unreachable_collector_does_not_delay_the_end(start: Start) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    await InventoryServiceStub(inventory.channel).GetStock(GetStockRequest(sku="MUG-BLUE"))
    assert await inventory.stop(signal.SIGTERM) == 0


async def test_a_failing_database_is_logged_and_traced_without_the_callers_values(
    start: Start, collector: Collector, tmp_path: Path
) -> None:
    inventory = await start("inventory", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    with closing(sqlite3.connect(tmp_path / "state" / "inventory.db", isolation_level=None)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE name LIKE 'reserv%' AND type = 'table'"):
            database.execute(f"ALTER TABLE {table} RENAME TO gone_{table}")
    request = ReserveStockRequest(order_id="tok_4111", lines=RESERVE.lines)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await InventoryServiceStub(inventory.channel).ReserveStock(request, metadata=(("idempotency-key", "key-1"),))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "idempotency-key" not in dict(caught.value.trailing_metadata())
    await inventory.stop(signal.SIGTERM)

    (span,) = await arrived(collector, 1)
    (event,) = span.events
    assert "no such table" in event.attributes["exception.message"]
    assert "4111" not in str(event)
    (line,) = (line for line in inventory.said if "ReserveStock failed" in line)
    assert "Traceback" in line
    assert "no such table" in line
    assert "4111" not in line
    assert all(re.match(r"\d{4}-\d\d-\d\d .* (INFO|ERROR) ", each) for each in inventory.said)
