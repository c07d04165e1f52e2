"""The testing kit as a user calls it, and a replica that runs sagas of its own."""

from __future__ import annotations

from typing import assert_type

import grpc.aio
from selling import Stubs, price, sell

from orchestrator.bootstrap import OpenedReplica, opened
from orchestrator.errors import SagaNotCompleted
from orchestrator.settings import Settings, read_settings
from orchestrator.testing.conformance import CheckFinding, Example, Examples, OverHttp, Report, check_participant
from orchestrator.testing.matrix import Cell, Matrix, fault_matrix
from shop.inventory.v1.inventory_pb2 import DESCRIPTOR, ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.pricing.v1.pricing_pb2 import PriceOrderResponse


async def every_fault_of_every_command() -> None:
    matrix = await fault_matrix(sell, StartOrderRequest(customer_id="ada"), {"PriceOrder": PriceOrderResponse()})
    assert_type(matrix, Matrix)
    assert_type(matrix.cells, tuple[Cell, ...])
    assert matrix.passed, matrix.failures


async def a_participant_held_against_its_contract(address: str) -> None:
    service = DESCRIPTOR.services_by_name["InventoryService"]
    examples = Examples(service, {"ReserveStock": Example(ReserveStockRequest())})

    async def restart() -> None:
        """It is found at the old address."""

    async with grpc.aio.insecure_channel(address) as channel:
        report = await check_participant(channel, service, examples, restart)
    assert_type(report, Report)
    assert_type(report.findings, tuple[CheckFinding, ...])
    assert report.passed, report


async def a_participant_over_http_held_against_its_contract() -> None:
    way = OverHttp("http://127.0.0.1:8000/inventory")
    assert_type(await check_participant(way, DESCRIPTOR.services_by_name["InventoryService"]), Report)
    await way.close()


async def sagas_without_an_api() -> None:
    assert_type(read_settings(), Settings)
    async with opened(read_settings(), [price, sell]) as replica:
        assert_type(replica, OpenedReplica)
        try:
            assert_type(await replica.run(sell, StartOrderRequest(), request_id="1"), Receipt)
        except SagaNotCompleted as error:
            assert_type(error.saga_id, str)


async def the_saga_s_function_with_stubs_of_the_test_s_own(stubs: Stubs) -> None:
    assert_type(await sell(StartOrderRequest(), stubs), Receipt)
