"""A saga as a user writes it that waits: for a time, for a signal, for a decision, with a limit around commands.

And it tells others.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import assert_type

from selling import Stubs

import orchestrator
from orchestrator import (
    SagaRejected,
    SignalTimedOut,
    TimeLimitPassed,
    approval,
    publish,
    saga,
    saga_id,
    signal,
    sleep,
    sleep_until,
    timeout,
)
from saga.v1.saga_pb2 import Decision
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest


@saga("wait_and_sell", version=1)
async def wait_and_sell(order: StartOrderRequest, stubs: Stubs) -> Receipt:
    await sleep(timedelta(days=2))
    await sleep_until(datetime(2027, 1, 1, tzinfo=UTC))
    await orchestrator.sleep(timedelta(seconds=1))
    assert_type(await signal("changed", StartOrderRequest), StartOrderRequest)
    try:
        decision = await approval(timeout=timedelta(hours=24))
        note = await signal("note", Receipt, timeout=timedelta(hours=1))
    except SignalTimedOut as late:
        raise SagaRejected("NOBODY_DECIDED", str(late)) from None
    assert_type(decision, Decision)
    assert_type(note, Receipt)
    try:
        async with timeout(timedelta(minutes=5)):
            await stubs.pricing.PriceOrder(PriceOrderRequest(lines=order.lines))
    except TimeLimitPassed as passed:
        assert_type(passed.key, str)
    await publish(Receipt(order_id=saga_id()))
    await orchestrator.publish(Receipt(order_id=saga_id()), at_once=True)
    return Receipt(order_id=saga_id())
