"""Sagas of a real engine, seen by a real collector."""

from __future__ import annotations

import io
import logging
import threading
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from orchestrator.contract.command import Effect
from orchestrator.journal.entries import (
    CommandCompleted,
    CommandIntended,
    CompensationBegan,
    CompensationCompleted,
    Entry,
    RollbackBegan,
    SagaCompensated,
    SagaCompleted,
    SagaRecovered,
    SagaStarted,
)
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import SagaState
from orchestrator.observability import open_observability
from orchestrator.shop.demo.otlp import Collector, loose_links, orphans, roots, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

RESERVE = "InventoryService.ReserveStock#1"
RESERVE_SPAN = "shop.inventory.v1.InventoryService/ReserveStock"
RELEASE_SPAN = "shop.inventory.v1.InventoryService/ReleaseStock"
STARTED = SagaStarted(1_000_000, "place_order", 1, b"", "", True)
FORWARD: list[Entry] = [
    STARTED,
    CommandIntended(
        2_000_000, RESERVE, "shop.inventory.v1.InventoryService.ReserveStock", Effect.COMPENSABLE, b"request"
    ),
    CommandCompleted(4_000_000, RESERVE, 1, 3_000_000, b"reply"),
]
BACKWARD: list[Entry] = [
    RollbackBegan(5_000_000, Reason(ReasonCode.REJECTED, "the card was declined", "PaymentService.AuthorizePayment#1")),
    CompensationBegan(6_000_000, RESERVE, "shop.inventory.v1.InventoryService.ReleaseStock"),
    CompensationCompleted(8_000_000, RESERVE, 1, 7_000_000),
    SagaCompensated(9_000_000),
]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def environ(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a process that traces, and does not measure; the SDK reads part of it by itself."""
    environment = {**collector.environment, "OTEL_METRICS_EXPORTER": "none"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


async def test_a_rolled_back_saga_arrives_as_one_whole_trace(collector: Collector, environ: dict[str, str]) -> None:
    observer = open_observability(environ)
    observer.journalled(SagaState("order-1"), FORWARD)
    observer.journalled(SagaState("order-1"), BACKWARD)
    await observer.close()
    (trace,) = collector.traces.values()
    assert [span.name for span in trace] == [
        "saga started",
        "saga place_order",
        RESERVE_SPAN,
        RELEASE_SPAN,
    ]
    assert len(roots(trace)) == 1
    assert not orphans(trace)
    assert not loose_links(trace)
    assert {span.service for span in trace} == {"orchestrator"}


async def test_spans_are_sent_by_and_by(collector: Collector, environ: dict[str, str]) -> None:
    observer = open_observability(environ)
    observer.journalled(SagaState("order-1"), FORWARD)
    collector.wait_for(lambda spans: len(spans) == 2)
    await observer.close()


async def test_spans_that_died_with_their_process_are_sent_by_the_next(
    collector: Collector, environ: dict[str, str]
) -> None:
    died = open_observability(environ)
    died.journalled(SagaState("order-1"), FORWARD)
    await died.close()
    following = open_observability(environ)
    following.recovered("order-1", FORWARD)
    following.journalled(SagaState("order-1"), [SagaRecovered(4_500_000, "replica-2"), SagaCompleted(9_000_000, b"")])
    await following.close()
    (trace,) = collector.traces.values()
    assert collector.copies == 2
    assert collector.conflicts == []
    assert len(roots(trace)) == 1
    assert not orphans(trace)


async def test_the_operators_name_for_the_service_wins(
    collector: Collector, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "orders")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=demo")
    observer = open_observability(environ)
    observer.journalled(SagaState("order-1"), FORWARD)
    await observer.close()
    assert {span.service for span in collector.spans} == {"orders"}


async def test_the_operators_sampler_decides(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    observer = open_observability(environ)
    assert not observer.samples("order-1", "")
    assert observer.samples("order-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    await observer.close()


async def test_a_collector_that_is_away_is_mentioned_once_and_holds_nobody_up(
    collector: Collector, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    collector.stop()
    observer = open_observability({**environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"})
    observer.journalled(SagaState("order-1"), FORWARD)
    await observer.close()
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("spans are being lost: Failed to export traces to 127.0.0.1")
    assert caplog.messages[1] == "2 spans did not reach the collector"
    assert not [thread for thread in threading.enumerate() if thread.name == "spans"]


async def test_a_trace_can_be_drawn(collector: Collector, environ: dict[str, str]) -> None:
    observer = open_observability(environ)
    observer.journalled(SagaState("order-1"), [*FORWARD, *BACKWARD])
    await observer.close()
    (trace,) = collector.traces.values()
    page = io.StringIO()
    Console(file=page, width=200).print(tree(trace))
    drawn = page.getvalue()
    assert "orchestrator  saga place_order  8.0 ms  compensated  the card was declined" in drawn
    assert f"{RELEASE_SPAN}  1.0 ms  completed  ↩ compensates {RESERVE_SPAN}" in drawn
    assert "+4.0 ms saga.rollback_began: REJECTED" in drawn
