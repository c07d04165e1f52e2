"""The invariants of stock and ledger hold for any sequence of commands, compensations and duplicates."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from services.chassis import Rejection, Settings
from services.chassis.database import Database
from services.chassis.guard import Guard
from services.chassis.migration import migrate
from services.inventory import store as stock_store
from services.inventory.__main__ import SERVICE as INVENTORY
from services.payment import store as payment_store
from services.payment.__main__ import SERVICE as PAYMENT
from shop.inventory.v1.inventory_pb2 import ReleaseStockRequest, ReserveStockRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest, VoidAuthorizationRequest
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Connection

    from services.chassis import Service
    from services.inventory.service import InventoryService
    from services.payment.service import PaymentService


class Context:
    """What a servicer sees of a call."""

    def __init__(self, key: str | None, compensates: str | None) -> None:
        pairs = (("idempotency-key", key), ("compensates", compensates))
        self._metadata = tuple((name, value) for name, value in pairs if value)

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata


def context_of(key: str | None, compensates: str | None) -> Any:  # noqa: ANN401 - a servicer asks for a whole one
    return Context(key, compensates)


# An order's commands share one key, so that repeats, repeats with other quantities, late commands and
# compensations of commands never seen all occur.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["do", "undo", "undo without saying what", "finish"]),
        st.sampled_from(["order-1", "order-2", "order-3"]),
        st.integers(1, 2),
        st.booleans(),
    ),
    max_size=25,
)


def run(service: Service[Settings], play: Callable[[Any, Database], Awaitable[None]]) -> None:
    async def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/{service.name}.db"
            database = await Database.open(url, prepare=partial(migrate, migrations=service.migrations))
            settings = Settings(listen="127.0.0.1:0", database_url=url)  # type: ignore[call-arg]  # the rest is pydantic's
            servicer = service.create(Guard(database), settings)
            try:
                await play(servicer, database)
            finally:
                await database.close()

    asyncio.run(whole())


async def attempt(call: Awaitable[object]) -> None:
    try:
        await call
    except Rejection:
        return


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_stock_is_never_negative_and_never_lost(steps: list[tuple[str, str, int, bool]]) -> None:
    async def play(inventory: InventoryService, database: Database) -> None:
        for action, order, quantity, keyed in steps:
            if action in {"do", "finish"}:
                reserve = ReserveStockRequest(order_id=order, lines=[Line(sku="PIANO-GRAND", quantity=quantity)])
                await attempt(inventory.ReserveStock(reserve, context_of(order if keyed else None, None)))
            else:
                undone = order if action == "undo" else None
                key = f"undo {order}" if keyed else None
                await attempt(inventory.ReleaseStock(ReleaseStockRequest(order_id=order), context_of(key, undone)))
            available, reserved, lines = await database.read(pianos)
            assert available >= 0
            assert available + reserved == 3
            assert reserved == lines

    run(INVENTORY, play)


def pianos(connection: Connection) -> tuple[int, int, int]:
    stock = stock_store.show(connection, "PIANO-GRAND")
    lines = select(func.coalesce(func.sum(stock_store.RESERVED_LINES.c.quantity), 0))
    return stock.available, stock.reserved, connection.execute(lines).scalar_one()


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_the_ledger_always_balances_and_holds_what_is_authorized(steps: list[tuple[str, str, int, bool]]) -> None:
    async def play(payment: PaymentService, database: Database) -> None:
        for action, order, units, keyed in steps:
            amount = {"currency_code": "EUR", "units": units}
            context = context_of(f"{action} {order}" if keyed else None, f"do {order}" if action == "undo" else None)
            if action == "do":
                hold = AuthorizePaymentRequest(order_id=order, customer_id="alice", amount=amount, card_token="tok")
                await attempt(payment.AuthorizePayment(hold, context))
            elif action == "finish":
                await attempt(payment.CapturePayment(CapturePaymentRequest(order_id=order, amount=amount), context))
            else:
                await attempt(payment.VoidAuthorization(VoidAuthorizationRequest(order_id=order), context))
            assert await database.read(balances) == await database.read(expected)

    run(PAYMENT, play)


def balances(connection: Connection) -> dict[str, int]:
    """The balance of each account, from the ledger."""
    accounts = {"customer:alice": 0, "holds": 0, "sales": 0}
    for row in connection.execute(select(payment_store.BOOKINGS)):
        accounts[row.debit_account] += row.amount_nanos
        accounts[row.credit_account] -= row.amount_nanos
    return accounts


def expected(connection: Connection) -> dict[str, int]:
    """The balance of each account, from the states of the payments."""
    held = taken = 0
    for row in connection.execute(select(payment_store.PAYMENTS)):
        held += row.amount_nanos * (row.state == "authorized")
        taken += row.amount_nanos * (row.state == "captured")
    return {"customer:alice": held + taken, "holds": -held, "sales": -taken}
