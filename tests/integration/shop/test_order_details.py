"""The parts of an order's page, asked of participants over real connections."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.shop.order_details import OrderDetails
from orchestrator.shop.place_order import place_order
from orchestrator.testing.mock import MockParticipant
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAMES = ("product", "payment", "shipping", "rewards")
SERVICES = {
    f"shop.{name}.v1.{name.capitalize()}Service": next(
        each.service for each in place_order.participants if each.service.full_name.split(".")[1] == name
    )
    for name in NAMES
}
ORDER = StartOrderRequest(
    customer_id="ada", member=True, lines=[Line(sku="MUG-BLUE", quantity=1), Line(sku="PEN", quantity=2)]
)


def asking(stack: AsyncExitStack, addresses: dict[str, str]) -> OrderDetails:
    channels = {service: GrpcChannel(address) for service, address in addresses.items()}
    for channel in channels.values():
        stack.push_async_callback(channel.close)
    return OrderDetails(lambda service: channels[service].current)


@pytest.fixture
async def details() -> AsyncIterator[OrderDetails]:
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(MockParticipant([service], listen="127.0.0.1:0"))
            for name, service in SERVICES.items()
        }
        yield asking(stack, {name: server.address for name, server in servers.items()})


async def test_each_part_is_where_it_belongs(details: OrderDetails) -> None:
    page = await details.gather("order-1", ORDER)

    assert page.payment.order_id == "order-1"
    assert page.shipment.order_id == "order-1"
    assert page.points.customer_id == "ada"
    assert [product.sku for product in page.products] == ["MUG-BLUE", "PEN"]
    assert not page.missing


async def test_who_is_no_member_has_no_points(details: OrderDetails) -> None:
    page = await details.gather("order-1", StartOrderRequest(customer_id="ada"))

    assert not page.HasField("points")
    assert not page.products


async def test_a_participant_that_is_not_there_is_named_once_and_the_rest_is_shown() -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            MockParticipant([SERVICES["shop.payment.v1.PaymentService"]], listen="127.0.0.1:0")
        )
        with_nobody = dict.fromkeys(SERVICES, "127.0.0.1:1") | {"shop.payment.v1.PaymentService": server.address}
        page = await asyncio.wait_for(asking(stack, with_nobody).gather("order-1", ORDER), 30)

    assert page.payment.order_id == "order-1"
    missing = [part.service for part in page.missing]
    assert sorted(missing) == sorted(name for name in SERVICES if "payment" not in name)
    assert all("UNAVAILABLE" in part.message or "DEADLINE_EXCEEDED" in part.message for part in page.missing)


@pytest.mark.parametrize("silent", NAMES)
async def test_a_participant_that_never_answers_is_not_waited_for(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.shop.order_details._PATIENCE_SECONDS", 0.2)
    service = f"shop.{silent}.v1.{silent.capitalize()}Service"
    async with AsyncExitStack() as stack:
        host, port = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()
        with_mute = dict.fromkeys(SERVICES, "127.0.0.1:1") | {service: f"{host}:{port}"}
        page = await asyncio.wait_for(asking(stack, with_mute).gather("order-1", ORDER), 10)

    (reason,) = {part.message for part in page.missing if part.service == service}
    assert "DEADLINE_EXCEEDED" in reason
