"""The metrics of a real orchestrator, read as Prometheus reads them after orders, failures and rollbacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from orchestrator.observability.metrics.families import prometheus_name
from orchestrator.observability.metrics.instruments import INSTRUMENTS, Kind
from orchestrator.testing.mock import Fault
from saga.v1.saga_pb2 import STATUS_COMPENSATED, STATUS_COMPLETED, STATUS_SUSPENDED
from tests.support.mocked_shop import mocked_shop
from tests.support.scraping import Scraped, page_of, scrape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.mocked_shop import MockedShop

RESERVE = "shop.inventory.v1.InventoryService/ReserveStock"
RELEASE = "shop.inventory.v1.InventoryService/ReleaseStock"
AUTHORIZE = "shop.payment.v1.PaymentService/AuthorizePayment"
# Sinks have metrics where there is one.
NOBODY_LISTENS = {"ORCHESTRATOR_EVENTS_SINKS": "audit=http://127.0.0.1:1/events"}
ARRANGE = "shop.shipping.v1.ShippingService/ArrangeShipment"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[MockedShop]:
    async with mocked_shop(tmp_path, ORCHESTRATOR_METRICS_LISTEN="127.0.0.1:0") as shop:
        yield shop


@pytest.fixture
async def telling_shop(tmp_path: Path) -> AsyncIterator[MockedShop]:
    async with mocked_shop(tmp_path, ORCHESTRATOR_METRICS_LISTEN="127.0.0.1:0", **NOBODY_LISTENS) as shop:
        yield shop


async def scraped(shop: MockedShop) -> Scraped:
    return await asyncio.to_thread(scrape, page_of(shop.process.said))


async def live_through_everything(shop: MockedShop) -> None:
    """One order goes through, one is declined, one is retried, one is suspended, and one saga waits for its signal."""
    assert (await shop.order(1)).status == STATUS_COMPLETED
    shop.faults = {"AuthorizePayment": [Fault.REJECT]}
    assert (await shop.order(2)).status == STATUS_COMPENSATED
    shop.faults = {"ArrangeShipment": [Fault.REJECT], "ReleaseStock": [Fault.REJECT]}
    assert (await shop.order(3)).status == STATUS_SUSPENDED
    shop.faults = {"ReserveStock": [Fault.FAIL_AFTER]}
    assert (await shop.order(4)).status == STATUS_COMPLETED
    waiting = await shop.order(5, "patient", wait=0)
    await shop.say(waiting.saga_id, "note", StringValue(value="go"))
    await shop.becomes(waiting.saga_id, STATUS_COMPLETED)
    parked = await shop.order(6, "patient", wait=0)
    await shop.waits_for(parked.saga_id, "note")


async def test_the_page_tells_of_orders_failures_and_rollbacks(shop: MockedShop) -> None:
    before = await scraped(shop)
    assert before.value("saga_started_total", saga_definition="place_order") == 0
    assert "saga_ended_total" in before.names

    await live_through_everything(shop)
    page = await scraped(shop)

    of_orders = {"saga_definition": "place_order"}
    assert page.value("saga_started_total", **of_orders) == 4
    assert page.value("saga_ended_total", **of_orders, saga_status="completed") == 2
    assert page.value("saga_ended_total", **of_orders, saga_status="compensated") == 1
    assert page.value("saga_suspended_total", **of_orders, saga_reason="COMPENSATION_REJECTED") == 1
    assert page.value("saga_rolled_back_total", **of_orders, saga_reason="REJECTED") == 2
    assert page.value("saga_open", **of_orders, saga_status="suspended") == 1
    assert page.value("saga_oldest_age_seconds", **of_orders, saga_status="suspended") > 0
    assert page.value("saga_open", saga_definition="patient", saga_status="waiting") == 1
    assert page.value("saga_duration_seconds_count", **of_orders, saga_status="compensated") == 1
    assert page.value("saga_timer_lag_seconds_count", saga_definition="patient") == 2
    assert page.value("saga_signal_lag_seconds_count", saga_definition="patient") == 1
    assert page.value("saga_journal_commit_size_count") == page.value("saga_journal_commit_duration_seconds_count") > 0


async def test_the_page_tells_of_each_attempt_what_came_of_it(shop: MockedShop) -> None:
    await live_through_everything(shop)
    page = await scraped(shop)

    name = "rpc_client_call_duration_seconds_count"
    assert page.value(name, rpc_method=RESERVE, saga_outcome="completed", rpc_response_status_code="OK") == 5
    lost = {"rpc_response_status_code": "UNAVAILABLE", "error_type": "UNAVAILABLE", "saga_outcome": "unknown"}
    assert page.value(name, rpc_method=RESERVE, **lost) == 1
    assert page.value("saga_command_retries_total", rpc_method=RESERVE) == 1
    assert page.value(name, rpc_method=AUTHORIZE, saga_outcome="rejected") == 1
    assert page.value(name, rpc_method=RELEASE, saga_outcome="rejected") == 1
    assert page.value("saga_compensations_total", rpc_method=RELEASE, saga_outcome="rejected") == 1
    assert page.value("saga_compensations_total", rpc_method=RELEASE, saga_outcome="completed") == 1
    assert page.value(name, rpc_method=ARRANGE, rpc_system_name="grpc", server_address="127.0.0.1") == 3


async def test_every_metric_of_the_table_is_on_the_page_with_its_attributes_and_no_other(
    telling_shop: MockedShop,
) -> None:
    await live_through_everything(telling_shop)
    page = await scraped(telling_shop)

    suffixes = {Kind.COUNTER: "_total", Kind.GAUGE: "", Kind.HISTOGRAM: "_count"}
    expected = {prometheus_name(each) + suffixes[each.kind]: each for each in INSTRUMENTS}
    assert expected.keys() <= page.names
    for name, instrument in expected.items():
        assert page.labels(name) == {each.replace(".", "_") for each in instrument.attributes}, name
    assert "process_cpu_seconds_total" in page.names
    assert page.value("target_info", service_name="orchestrator") == 1


async def test_a_port_that_is_taken_is_refused_by_name(shop: MockedShop, tmp_path: Path) -> None:
    taken = page_of(shop.process.said).split("/")[2]
    folder = tmp_path / "other"
    folder.mkdir()
    with pytest.raises(AssertionError, match=f"cannot serve metrics on {taken}: port .* is in use"):
        async with mocked_shop(folder, ORCHESTRATOR_METRICS_LISTEN=taken):
            pass
