"""The logs of real processes as JSON: each line is one object, and leads to the saga and to its trace."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest

from orchestrator.shop.demo.otlp import Collector, roots
from orchestrator.testing.mock import Fault
from saga.v1.saga_pb2 import STATUS_SUSPENDED
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.mocked_shop import mocked_shop
from tests.support.processes import running

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


def objects(lines: Iterable[str]) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in lines]
    assert all({"timestamp", "severity_text", "severity_number", "body", "logger"} <= line.keys() for line in read)
    return read


async def test_the_record_of_a_suspended_saga_leads_to_the_saga_and_to_its_trace(tmp_path: Path) -> None:
    with Collector() as collector:
        async with mocked_shop(tmp_path, ORCHESTRATOR_LOG_FORMAT="json", **collector.environment) as shop:
            shop.faults = {"ArrangeShipment": [Fault.REJECT], "ReleaseStock": [Fault.REJECT]}
            suspended = await shop.order(1)
            assert suspended.status == STATUS_SUSPENDED
        (record,) = [line for line in objects(shop.process.said) if "is suspended because of" in line["body"]]
        (started,) = [span for span in collector.spans if span.name == "saga started"]

    assert (record["severity_text"], record["severity_number"]) == ("WARN", 13)
    assert record["saga.id"] == suspended.saga_id
    assert (record["trace_id"], record["span_id"]) == (started.trace_id, started.parent_id)
    assert not roots((started,))


async def test_a_failure_of_a_service_is_told_in_fields_and_leads_to_its_saga(tmp_path: Path) -> None:
    async with running("inventory", tmp_path, INVENTORY_LOG_FORMAT="json") as inventory:
        with closing(sqlite3.connect(tmp_path / "inventory.db", isolation_level=None)) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE name LIKE 'reserv%'").fetchall():
                database.execute(f"DROP TABLE IF EXISTS {table}")
        request = ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=1)])
        metadata = (
            ("idempotency-key", "key-1"),
            ("saga-id", "order-1"),
            ("traceparent", f"00-{TRACE}-{CALLER}-01"),
        )
        with pytest.raises(grpc.aio.AioRpcError):
            await InventoryServiceStub(inventory.channel).ReserveStock(request, metadata=metadata)
        await inventory.stop(signal.SIGTERM)

    (record,) = [line for line in objects(inventory.said) if line["severity_text"] == "ERROR"]
    assert record["body"] == "ReserveStock failed"
    assert record["saga.id"] == "order-1"
    assert (record["trace_id"], record["span_id"]) == (TRACE, CALLER)
    assert record["exception.type"] == "sqlalchemy.exc.OperationalError"
    assert "no such table" in record["exception.message"]
    assert record["exception.stacktrace"].startswith("Traceback")
    assert "saga.id" not in objects(inventory.said)[0]
