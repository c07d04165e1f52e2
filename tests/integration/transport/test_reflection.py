"""Contracts are asked of real servers through reflection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
import pytest
from grpc_reflection.v1alpha import reflection

from orchestrator.transport.participants import GrpcParticipants
from orchestrator.transport.reflection import check_live, describe
from shop.inventory.v1 import inventory_pb2
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceServicer, add_InventoryServiceServicer_to_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVICE = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"]


class Inventory(InventoryServiceServicer):
    ReserveStock = ReleaseStock = GetStock = None


@pytest.fixture
async def address() -> AsyncIterator[str]:
    server = grpc.aio.server()
    add_InventoryServiceServicer_to_server(Inventory(), server)
    reflection.enable_server_reflection([SERVICE.full_name], server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_a_live_service_describes_its_contract_with_all_that_it_imports(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        live = await describe(channel, SERVICE.full_name)

    assert live is not None
    assert live is not SERVICE
    assert [method.name for method in live.methods] == ["ReserveStock", "ReleaseStock", "GetStock"]


async def test_a_live_service_with_the_same_contract_does_not_drift(address: str) -> None:
    participants = GrpcParticipants({SERVICE.full_name: address})

    assert await check_live([SERVICE], participants) == ([], [])
    await participants.close()


async def test_a_service_that_is_not_there_is_named_and_not_judged(unused_tcp_port: int) -> None:
    participants = GrpcParticipants({SERVICE.full_name: f"127.0.0.1:{unused_tcp_port}"})

    assert await check_live([SERVICE], participants) == ([], [SERVICE.full_name])
    await participants.close()


async def test_a_server_that_does_not_know_the_service_is_named_and_not_judged(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        assert await describe(channel, "shop.nowhere.v1.NowhereService") is None
