"""What a type checker must not let pass. The comment of a line says by which rules it is refused, and by whom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from selling import Stubs, price, sell

import orchestrator
from orchestrator import SagaRejected, best_effort, child, saga, scope
from orchestrator.testing.matrix import fault_matrix
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest

if TYPE_CHECKING:
    from orchestrator.bootstrap import OpenedReplica

ORDER = PriceOrderRequest()


@saga("wrong", version=1)
async def wrong(order: StartOrderRequest, stubs: Stubs) -> Receipt:
    print(orchestrator.ContractError)  # mypy attr-defined, pyright reportAttributeAccessIssue
    await stubs.pricing.PriceOrder(ReserveStockRequest())  # mypy arg-type, pyright reportArgumentType
    await stubs.pricing.PriceOrders(ORDER)  # mypy attr-defined, pyright reportAttributeAccessIssue
    stubs.pricing.PriceOrder(ORDER)  # mypy unused-awaitable
    print(stubs.pricing.PriceOrder(ORDER).total)  # mypy attr-defined, pyright reportAttributeAccessIssue
    best_effort(stubs.pricing.PriceOrder(ORDER))  # mypy unused-coroutine, pyright reportUnusedCoroutine
    maybe = await best_effort(stubs.pricing.PriceOrder(ORDER))
    print(maybe.total)  # mypy union-attr, pyright reportOptionalMemberAccess
    await child(price, ORDER)  # mypy misc, pyright reportArgumentType
    child(price, order)  # mypy unused-awaitable
    print((await child(price, order)).order_id)  # mypy attr-defined, pyright reportAttributeAccessIssue
    orchestrator.sleep(timedelta(days=1))  # mypy unused-awaitable
    await orchestrator.sleep(60)  # mypy arg-type, pyright reportArgumentType
    print((await orchestrator.signal("note", Receipt)).note)  # mypy attr-defined, pyright reportAttributeAccessIssue
    with orchestrator.timeout(timedelta(days=1)):  # mypy attr-defined, pyright reportGeneralTypeIssues
        pass
    with scope(7):  # mypy arg-type, pyright reportArgumentType
        raise SagaRejected("NO_STOCK")  # mypy call-arg, pyright reportCallIssue


@saga("no_message", version=1)  # mypy type-var, pyright reportArgumentType
async def no_message(order: str, stubs: Stubs) -> Receipt:
    return Receipt(order_id=order)


@saga("not_async", version=1)  # mypy arg-type, pyright reportArgumentType
def not_async(order: StartOrderRequest, stubs: Stubs) -> Receipt:
    return Receipt()


@saga("no_version")  # mypy call-arg, pyright reportCallIssue
async def no_version(order: StartOrderRequest, stubs: Stubs) -> Receipt:
    return Receipt()


async def calls(replica: OpenedReplica, stubs: Stubs) -> None:
    await fault_matrix(sell.function)  # mypy arg-type, pyright reportArgumentType
    await replica.run(sell, ORDER)  # mypy misc, pyright reportArgumentType
    await sell(ORDER, stubs)  # mypy arg-type, pyright reportArgumentType
