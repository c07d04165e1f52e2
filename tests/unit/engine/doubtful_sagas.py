"""Sagas of which a command stays in doubt, and who answers in a participant's place."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator import CommandUnknown, saga
from orchestrator.contract.command import RetryPolicy
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from tests.support.engine_world import AUTHORIZE, CAPTURE, RESERVE, Shop, rejected, unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.journal.state import SagaState
    from tests.support.engine_world import Definition, EngineProcess, EngineWorld

    Code = Callable[[StartOrderRequest, Shop], Awaitable[Receipt]]


AUTHORIZED = "PaymentService.AuthorizePayment#1"
CAPTURED = "PaymentService.CapturePayment#1"
CONFIRMED = "EmailService.SendConfirmation#1"
RESERVED = "InventoryService.ReserveStock#1"
# Who answers in a participant's place: a wrong backend, a mesh, a load balancer, a service without a guard.
FRONTS = ["UNIMPLEMENTED", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"]
fronts = pytest.mark.parametrize("code", FRONTS)
TWICE = RetryPolicy(attempts=2, first_delay=timedelta(milliseconds=10))


def saga_of(code: Code) -> Definition:
    return saga("doubtful", version=1)(code)


async def detour(_order: StartOrderRequest, shop: Shop) -> Receipt:
    """Goes on without a payment of which it will never know, and completes."""
    await shop.inventory.ReserveStock(RESERVE)
    with contextlib.suppress(CommandUnknown):
        await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.payment.CapturePayment(CAPTURE)
    return Receipt()


def misled(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [unknown(), rejected("UNIMPLEMENTED")]


async def suspended_before_its_end(world: EngineWorld) -> tuple[EngineProcess, SagaState]:
    misled(world)
    world.participants.scripts["VoidAuthorization"] = [rejected()]
    process = world.process()
    return process, await process.run()
