"""Certificates and authorities are exchanged under load, and one that has ended is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from shop.inventory.v1.inventory_pb2 import GetStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from tests.crash.customers import Customers
from tests.crash.invariants import Invariants
from tests.crash.orders import COMPLETED, draw
from tests.crash.secured import Secured
from tests.crash.shop import FULL_NAMES, Shop
from tests.support.certificate_files import Authority
from tests.support.processes import running

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.crash.processes import Process

ORDERS = 40
"""At each step of the exchange, so many orders come to an end."""
RENEWED = ": connected with the new certificates"
A_MINUTE = 60


async def renewed(orchestrator: Process, times: int) -> None:
    """The orchestrator has connected so many times to each participant with new certificates."""
    async with asyncio.timeout(A_MINUTE):
        while orchestrator.log.read_text().count(RENEWED) < times * len(FULL_NAMES):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.05)


async def test_certificates_and_authorities_are_exchanged_under_load_and_no_order_fails(
    chance: random.Random, run: str, tmp_path: Path
) -> None:
    secured = Secured(tmp_path / "certificates", FULL_NAMES)
    with Shop(tmp_path, secured=secured) as shop:
        await shop.open()
        orchestrator = shop.orchestrator(tmp_path / "orchestrator")
        await orchestrator.restart()
        connect = secured.connecting_to("orchestrator")
        steps: list[Callable[[], None]] = [secured.trust_both, secured.show_the_second, secured.trust_the_second]
        async with (
            Invariants(shop) as invariants,
            Customers(orchestrator.address, in_flight=8, connect=connect) as customers,
        ):
            orders = draw(chance, ORDERS * (len(steps) + 1), run=run, kinds=("good", "member", "coupons"))
            everything = asyncio.ensure_future(customers.order_all(orders))
            for number, step in enumerate(steps, 1):
                await customers.have_seen_the_end_of(ORDERS * number)
                step()
                await renewed(orchestrator, number)
            await everything

            assert {order.seen.status for order in customers.placed if order.seen} == {COMPLETED}
            assert customers.refusals == []
            assert await invariants.broken(customers) == []
            async with secured.outdated("inventory")(shop.services["inventory"].address) as channel:
                assert await refused(InventoryServiceStub(channel)) == "UNAVAILABLE"


@pytest.mark.timeout(180)
async def test_a_certificate_that_has_ended_is_refused_within_a_minute_by_either_side(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    life, long = timedelta(seconds=20), timedelta(days=90)

    async def until_refused(name: str, *, server: timedelta, client: timedelta) -> str:
        """How a connection is refused that was good, once one of the two certificates has ended."""
        theirs, ours = authority.issue(name, life=server), authority.issue(f"to.{name}", life=client)
        async with (
            running("inventory", tmp_path / name, **theirs.environment("INVENTORY_")) as inventory,
            ours.channel(inventory.address, name) as channel,
        ):
            stub = InventoryServiceStub(channel)
            await stub.GetStock(GetStockRequest(sku="MUG-BLUE"), timeout=10)
            async with asyncio.timeout(life.total_seconds() + A_MINUTE):
                return await refused(stub)

    ends = [
        until_refused("whose-ends.example", server=life, client=long),
        until_refused("that-is-good.example", server=long, client=life),
    ]
    assert [await end for end in [asyncio.ensure_future(each) for each in ends]] == ["UNAVAILABLE", "UNAVAILABLE"]


async def refused(stub: InventoryServiceStub) -> str:
    """Ask until that is refused; how it is."""
    while True:
        try:
            await stub.GetStock(GetStockRequest(sku="MUG-BLUE"), timeout=10)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        await asyncio.sleep(0.1)
