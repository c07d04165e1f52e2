"""Faults that were planned, as a saga meets them: over gRPC, and only where the settings allow them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from services.chassis.arrivals import Way
from services.inventory.__main__ import SERVICE as INVENTORY
from shop.fault.v1.fault_pb2 import (
    FAULT_DELAY,
    FAULT_DOWN,
    FAULT_LOST_REPLY,
    FAULT_REFUSED,
    FAULT_SLOW,
    Fault,
    GetFaultsRequest,
    PlanFaultsRequest,
    PlannedFault,
)
from shop.fault.v1.fault_pb2_grpc import FaultServiceStub
from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReleaseStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import status_of

if TYPE_CHECKING:
    from tests.integration.services.chassis.conftest import Fail, Serve

WAYS = tuple(Way)

ORDER = "order-1"
KEY = "order-1/ReserveStock#1"
COMMAND = (("idempotency-key", KEY), ("saga-id", ORDER))
UNDO = (("idempotency-key", "order-1/ReleaseStock#1"), ("compensates", KEY), ("saga-id", ORDER))
RESERVE = ReserveStockRequest(order_id=ORDER, lines=[Line(sku="LAMP-DESK", quantity=2)])


@pytest.fixture
async def channel(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> grpc.aio.Channel:
    monkeypatch.setenv("SHOP_FAULTS", "true")
    return await serve(INVENTORY)


def duration(span: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(span)
    return message


async def plan(
    channel: grpc.aio.Channel, fault: Fault.ValueType, method: str = "ReserveStock", lasting: timedelta = timedelta()
) -> None:
    planned = PlannedFault(method=method, fault=fault, lasting=duration(lasting))
    await FaultServiceStub(channel).PlanFaults(PlanFaultsRequest(order_id=ORDER, faults=[planned]))


async def failing(call: object) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]  # a call of a stub
    return caught.value


async def reserved(channel: grpc.aio.Channel) -> int:
    """How many lamps are reserved; the question is no order's, so nothing goes wrong with it."""
    return (await InventoryServiceStub(channel).GetStock(GetStockRequest(sku="LAMP-DESK"))).reserved


async def test_a_refused_command_has_no_effect_and_its_refusal_does_not_speak_for_other_attempts(
    channel: grpc.aio.Channel,
) -> None:
    await plan(channel, FAULT_REFUSED)
    refusal = await failing(InventoryServiceStub(channel).ReserveStock(RESERVE, metadata=COMMAND))
    assert refusal.code() is grpc.StatusCode.FAILED_PRECONDITION
    info = error_details_pb2.ErrorInfo()
    assert status_of(refusal).details[0].Unpack(info)
    assert info.reason == "FAULT_PLANNED"
    assert "idempotency-key" not in dict(refusal.trailing_metadata() or ())
    assert await reserved(channel) == 0
    await InventoryServiceStub(channel).ReserveStock(RESERVE, metadata=COMMAND)
    assert await reserved(channel) == 2


async def test_a_command_whose_reply_is_lost_has_its_effect_once(channel: grpc.aio.Channel) -> None:
    await plan(channel, FAULT_LOST_REPLY)
    inventory = InventoryServiceStub(channel)
    lost = await failing(inventory.ReserveStock(RESERVE, metadata=COMMAND))
    assert (lost.code(), await reserved(channel)) == (grpc.StatusCode.UNAVAILABLE, 2)
    await inventory.ReserveStock(RESERVE, metadata=COMMAND)
    assert await reserved(channel) == 2


async def test_a_slow_command_has_its_effect_and_is_answered_after_its_deadline(channel: grpc.aio.Channel) -> None:
    await plan(channel, FAULT_SLOW)
    inventory = InventoryServiceStub(channel)
    late = await failing(inventory.ReserveStock(RESERVE, metadata=COMMAND, timeout=0.5))
    assert (late.code(), await reserved(channel)) == (grpc.StatusCode.DEADLINE_EXCEEDED, 2)
    await inventory.ReserveStock(RESERVE, metadata=COMMAND, timeout=30)


async def test_a_service_that_is_down_for_an_order_is_there_for_other_orders(channel: grpc.aio.Channel) -> None:
    await plan(channel, FAULT_DOWN, method="", lasting=timedelta(minutes=5))
    inventory = InventoryServiceStub(channel)
    nobody = await failing(inventory.ReserveStock(RESERVE, metadata=COMMAND))
    assert nobody.code() is grpc.StatusCode.UNAVAILABLE
    undone = await failing(inventory.ReleaseStock(ReleaseStockRequest(order_id=ORDER), metadata=UNDO))
    assert undone.code() is grpc.StatusCode.UNAVAILABLE
    other = ReserveStockRequest(order_id="order-2", lines=RESERVE.lines)
    await inventory.ReserveStock(other, metadata=(("idempotency-key", "order-2/R#1"), ("saga-id", "order-2")))
    assert await reserved(channel) == 2


async def test_a_delayed_call_is_answered_later_every_time(channel: grpc.aio.Channel) -> None:
    await plan(channel, FAULT_DELAY, method="", lasting=timedelta(seconds=0.2))
    inventory, loop = InventoryServiceStub(channel), asyncio.get_running_loop()
    for _ in range(2):
        began = loop.time()
        await inventory.ReserveStock(RESERVE, metadata=COMMAND)
        assert loop.time() - began >= 0.19  # a delay that was waited for is a bound from below on any machine


async def test_a_refusal_that_is_delayed_comes_later_too(channel: grpc.aio.Channel) -> None:
    await plan(channel, FAULT_DELAY, method="", lasting=timedelta(seconds=0.2))
    loop = asyncio.get_running_loop()
    began = loop.time()
    too_many = ReserveStockRequest(order_id=ORDER, lines=[Line(sku="PIANO-GRAND", quantity=4)])
    refusal = await failing(InventoryServiceStub(channel).ReserveStock(too_many, metadata=COMMAND))
    assert refusal.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert dict(refusal.trailing_metadata() or ())["idempotency-key"] == KEY  # the guard's own, which holds
    assert loop.time() - began >= 0.19


async def test_what_is_planned_and_how_often_it_happened_can_be_asked_for(channel: grpc.aio.Channel) -> None:
    await plan(channel, FAULT_LOST_REPLY)
    await failing(InventoryServiceStub(channel).ReserveStock(RESERVE, metadata=COMMAND))
    shown = await FaultServiceStub(channel).GetFaults(GetFaultsRequest(order_id=ORDER))
    assert [(each.method, each.fault, each.happened) for each in shown.faults] == [
        ("ReserveStock", FAULT_LOST_REPLY, 1)
    ]


@pytest.mark.parametrize(
    "request_",
    [
        PlanFaultsRequest(faults=[PlannedFault(fault=FAULT_SLOW)]),
        PlanFaultsRequest(order_id=ORDER, faults=[PlannedFault()]),
        PlanFaultsRequest(order_id=ORDER, faults=[PlannedFault(method="Reserve", fault=FAULT_SLOW)]),
    ],
    ids=["no order", "no fault", "no such method"],
)
async def test_a_plan_that_makes_no_sense_is_refused(channel: grpc.aio.Channel, request_: PlanFaultsRequest) -> None:
    refusal = await failing(FaultServiceStub(channel).PlanFaults(request_))
    assert refusal.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_no_faults_can_be_planned_without_the_setting(serve: Serve) -> None:
    channel = await serve(INVENTORY)
    refusal = await failing(FaultServiceStub(channel).PlanFaults(PlanFaultsRequest(order_id=ORDER)))
    assert refusal.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_service_with_planned_faults_does_not_start_where_a_network_reaches_it(fail: Fail) -> None:
    code, said = await fail("inventory", SHOP_FAULTS="true", INVENTORY_LISTEN="0.0.0.0:0", INVENTORY_INSECURE="true")
    assert code == 1
    assert "SHOP_FAULTS: 0.0.0.0:0 can be reached over a network" in said
