"""Code in the place of that with which a saga has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import saga

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.order.v1.order_pb2 import Receipt
    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.support.engine_world import Definition, Shop

    Code = Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]


def changed(code: Code) -> Definition:
    return saga("trip", version=1)(code)
