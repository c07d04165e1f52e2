"""Sagas that wait, for the tests of timers, signals and time limits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from google.protobuf.wrappers_pb2 import StringValue

from orchestrator import approval, saga, scope, signal, sleep, sleep_until, timeout
from orchestrator.engine.sagas import Signal
from orchestrator.errors import SignalTimedOut, TimeLimitPassed
from orchestrator.journal.actor import Actor
from saga.v1.saga_pb2 import Decision
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import ARRANGE, AUTHORIZE, CAPTURE, RESERVE, Shop

DAY = 86_400.0
LIMIT = timedelta(hours=24)
INSTANT = datetime(2023, 11, 15, tzinfo=UTC)
"""Less than two hours after every world begins."""


def note(text: str, request_id: str = "request-1", name: str = "note") -> Signal:
    """A signal with a text."""
    payload = StringValue(value=text).SerializeToString()
    return Signal(request_id, name, StringValue.DESCRIPTOR.full_name, payload, Actor("ada"))


def decision(*, approved: bool = True, request_id: str = "request-1", by: str = "ada", reason: str = "") -> Signal:
    """Somebody's yes or no."""
    payload = Decision(approved=approved, decided_by=by, reason=reason).SerializeToString()
    return Signal(request_id, "approval", Decision.DESCRIPTOR.full_name, payload, Actor(by))


@saga("sleepy", version=1)
async def sleepy(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A day passes between the reservation and the pivot."""
    await shop.inventory.ReserveStock(RESERVE)
    await sleep(timedelta(days=1))
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt(order_id=order.customer_id)


@saga("punctual", version=1)
async def punctual(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It waits for an instant."""
    await sleep_until(INSTANT)
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt(order_id=order.customer_id)


@saga("brief", version=1)
async def brief(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Spans of nothing, of less than nothing, and an instant of long ago."""
    await sleep(timedelta(0))
    await sleep(timedelta(days=-1))
    await sleep_until(datetime(1900, 1, 1, tzinfo=UTC))
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt(order_id=order.customer_id)


@saga("approved", version=1)
async def approved(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Somebody has a day to say yes."""
    await shop.inventory.ReserveStock(RESERVE)
    answer = await approval(timeout=LIMIT)
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt(order_id=order.customer_id, carrier="yes" if answer.approved else "no")


@saga("hurried", version=1, deadline=timedelta(hours=2), reserve=timedelta(hours=1))
async def hurried(order: StartOrderRequest, shop: Shop) -> Receipt:
    """It waits for longer than its deadline allows."""
    await shop.inventory.ReserveStock(RESERVE)
    await approval()
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt(order_id=order.customer_id)


@saga("patient", version=1)
async def patient(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Two notes of one name, and then a third if it comes."""
    await shop.inventory.ReserveStock(RESERVE)
    first = await signal("note", StringValue)
    second = await signal("note", StringValue)
    try:
        third = (await signal("note", StringValue, timeout=timedelta(hours=1))).value
    except SignalTimedOut:
        third = "none"
    return Receipt(order_id=order.customer_id, carrier=f"{first.value} {second.value} {third}")


@saga("side_by_side", version=1)
async def side_by_side(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Several waits at once, in one scope and in two."""

    async def scoped(name: str) -> str:
        with scope(name):
            await shop.inventory.ReserveStock(RESERVE)
            return (await signal("note", StringValue)).value

    slept = sleep(timedelta(days=2))
    answers = await asyncio.gather(scoped("a"), scoped("b"), signal("other", StringValue), slept)
    return Receipt(order_id=order.customer_id, carrier=f"{answers[0]} {answers[1]} {answers[2].value}")


@saga("limited", version=1)
async def limited(order: StartOrderRequest, shop: Shop) -> Receipt:
    """What takes more than a minute is done without."""
    try:
        async with timeout(timedelta(minutes=1)):
            await shop.inventory.ReserveStock(RESERVE)
        told = "reserved"
    except TimeLimitPassed:
        told = "cut off"
    await shop.payment.AuthorizePayment(AUTHORIZE)
    return Receipt(order_id=order.customer_id, carrier=told)


@saga("strict", version=1)
async def strict(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Two branches, a signal and an inner limit, within a day."""
    await shop.payment.AuthorizePayment(AUTHORIZE)
    async with timeout(timedelta(days=1)):
        async with asyncio.TaskGroup() as group:
            group.create_task(_reserved(shop))
            group.create_task(_shipped(shop))
        async with timeout(timedelta(days=2)):
            await signal("note", StringValue)
    return Receipt(order_id=order.customer_id)


async def _reserved(shop: Shop) -> None:
    await shop.inventory.ReserveStock(RESERVE)


async def _shipped(shop: Shop) -> None:
    await shop.shipping.ArrangeShipment(ARRANGE)
