"""A service as a process: how it starts, refuses to start, reports its health, and ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReleaseStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, GetPaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.asynchronous import health_stub, reflection_stub

if TYPE_CHECKING:
    from tests.integration.services.chassis.conftest import Fail, Start
    from tests.integration.services.conftest import Refusal
    from tests.support.processes import Running

INVENTORY = "shop.inventory.v1.InventoryService"
PAYMENT = "shop.payment.v1.PaymentService"
SLOW = AuthorizePaymentRequest(
    order_id="order-1", customer_id="alice", amount={"currency_code": "EUR", "units": 1}, card_token="tok_slow"
)


@pytest.mark.parametrize("service", ["", INVENTORY])
async def test_a_service_that_listens_is_serving(channel: grpc.aio.Channel, service: str) -> None:
    reply = await health_stub(channel).Check(HealthCheckRequest(service=service))
    assert reply.status == HealthCheckResponse.SERVING


async def test_the_health_of_an_unknown_service_is_not_found(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health_stub(channel).Check(HealthCheckRequest(service=PAYMENT))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_watcher_of_the_health_is_told_of_the_drain_and_does_not_delay_it(start: Start) -> None:
    inventory = await start("inventory", INVENTORY_DRAIN_SECONDS="600")
    watch = health_stub(inventory.channel).Watch(HealthCheckRequest(service=INVENTORY))
    assert (await watch.read()).status == HealthCheckResponse.SERVING
    inventory.process.send_signal(signal.SIGTERM)
    assert (await watch.read()).status == HealthCheckResponse.NOT_SERVING
    assert await inventory.ended() == 0


async def test_reflection_shows_the_contract(channel: grpc.aio.Channel) -> None:
    async def ask(request: ServerReflectionRequest) -> object:
        call = reflection_stub(channel).ServerReflectionInfo(iter([request]))
        return [reply async for reply in call]

    assert INVENTORY in str(await ask(ServerReflectionRequest(list_services="")))
    assert "ReserveStock" in str(await ask(ServerReflectionRequest(file_containing_symbol=INVENTORY)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_told_to_stop_ends_well(start: Start, number: signal.Signals) -> None:
    inventory = await start("inventory")
    assert await inventory.stop(number) == 0
    assert "Traceback" not in "\n".join(inventory.said)


async def test_a_call_in_flight_is_finished_before_the_end(start: Start) -> None:
    payment = await start("payment")
    call = await in_flight(payment)
    assert await payment.stop(signal.SIGTERM) == 0
    assert (await call).payment_id


async def test_a_call_that_outlasts_the_drain_is_broken_off(start: Start) -> None:
    payment = await start("payment", PAYMENT_DRAIN_SECONDS="0.1")
    call = await in_flight(payment)
    assert await payment.stop(signal.SIGTERM) == 0
    with pytest.raises(grpc.aio.AioRpcError):
        await call


async def test_watchers_are_told_of_the_drain_while_calls_are_in_flight(start: Start) -> None:
    payment = await start("payment")
    watches = [health_stub(payment.channel).Watch(HealthCheckRequest(service=name)) for name in ("", PAYMENT)]
    assert [(await watch.read()).status for watch in watches] == [HealthCheckResponse.SERVING] * 2
    call = await in_flight(payment)
    payment.process.send_signal(signal.SIGTERM)
    assert [(await watch.read()).status for watch in watches] == [HealthCheckResponse.NOT_SERVING] * 2
    assert not call.done()
    assert [await watch.read() for watch in watches] == [grpc.aio.EOF] * 2
    assert (await call).payment_id
    assert await payment.ended() == 0


async def test_a_second_process_cannot_share_the_port_of_a_service(address: str) -> None:
    # Where the first process allows it, the system lets other processes share the port and its calls.
    host, _, port = address.rpartition(":")
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            rival.bind((host, int(port)))


NONSENSE = {
    "undoes itself": ("ReleaseStock", [("idempotency-key", "k"), ("compensates", "k")], "compensates"),
    "compensates with a command": ("ReserveStock", [("idempotency-key", "k"), ("compensates", "c")], "compensates"),
    "compensates with a query": ("GetStock", [("compensates", "k"), ("verifies", "k")], "compensates"),
    "verifies with a command": ("ReserveStock", [("idempotency-key", "k"), ("verifies", "k")], "verifies"),
    "verifies with a compensation": ("ReleaseStock", [("compensates", "k"), ("verifies", "k")], "verifies"),
    "has an empty key": ("ReserveStock", [("idempotency-key", "")], "idempotency-key"),
    "has an overlong key": ("ReserveStock", [("idempotency-key", "k" * 501)], "idempotency-key"),
    "has two keys": ("ReserveStock", [("idempotency-key", "k"), ("idempotency-key", "l")], "idempotency-key"),
    "undoes two commands": ("ReleaseStock", [("compensates", "k"), ("compensates", "l")], "compensates"),
    "is of two sagas": ("ReserveStock", [("saga-id", "s"), ("saga-id", "t")], "saga-id"),
}
REQUESTS: dict[str, Any] = {
    "ReserveStock": ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=1)]),
    "ReleaseStock": ReleaseStockRequest(order_id="order-1"),
    "GetStock": GetStockRequest(sku="MUG-BLUE"),
}


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_a_call_whose_metadata_are_nonsense_is_refused_by_their_name(
    channel: grpc.aio.Channel, refusal: Refusal, nonsense: str
) -> None:
    method, metadata, named = NONSENSE[nonsense]
    code, details = await refusal(getattr(InventoryServiceStub(channel), method)(REQUESTS[method], metadata=metadata))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert isinstance(details, BadRequest)
    assert f"metadata.{named}" in {each.field for each in details.field_violations}


async def test_nonsense_requests_keep_a_service_neither_busy_nor_alive(start: Start, refusal: Refusal) -> None:
    inventory = await start("inventory", INVENTORY_DRAIN_SECONDS="600")
    stub = InventoryServiceStub(inventory.channel)
    calls = [
        refusal(getattr(stub, method)(REQUESTS[method], metadata=metadata))
        for method, metadata, _ in NONSENSE.values()
        for _ in range(4)
    ]
    assert {code for code, _ in await asyncio.gather(*calls)} == {grpc.StatusCode.INVALID_ARGUMENT}
    assert await inventory.stop(signal.SIGTERM) == 0


async def in_flight(payment: Running) -> asyncio.Task[Any]:
    """A call that has taken effect and is slow to answer."""
    stub = PaymentServiceStub(payment.channel)
    call = asyncio.ensure_future(stub.AuthorizePayment(SLOW))
    while True:
        try:
            await stub.GetPayment(GetPaymentRequest(order_id="order-1"))
        except grpc.aio.AioRpcError:
            continue
        return call


async def test_a_port_in_use_is_named_with_the_setting_that_changes_it(address: str, fail: Fail) -> None:
    code, said = await fail("inventory", INVENTORY_LISTEN=address)
    port = address.rpartition(":")[2]
    assert code == 1
    assert said == (
        f"inventory: cannot listen on {address}: port {port} is in use; set INVENTORY_LISTEN to another host:port\n"
    )


async def test_an_address_of_another_machine_is_a_clear_error(fail: Fail) -> None:
    code, said = await fail("inventory", INVENTORY_LISTEN="192.0.2.1:50103", INVENTORY_INSECURE="true")
    assert code == 1
    assert said.splitlines()[-1].startswith("inventory: cannot listen on 192.0.2.1:50103: ")


async def test_a_setting_that_cannot_be_used_is_a_clear_error(fail: Fail) -> None:
    code, said = await fail("inventory", INVENTORY_DRAIN_SECONDS="soon")
    assert code == 2
    assert said.startswith("inventory: INVENTORY_DRAIN_SECONDS: ")
    assert said.count("\n") == 1


async def test_a_state_folder_that_cannot_be_made_is_a_clear_error(fail: Fail, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, said = await fail("inventory", STATE_DIR=f"{tmp_path}/file/state")
    assert code == 1
    assert said.startswith("inventory: cannot make the folder of the database ")
    assert said.count("\n") == 1


async def test_an_invalid_database_url_is_a_clear_error(fail: Fail, tmp_path: Path) -> None:
    (tmp_path / "inventory.db").write_text("This is no database, but it is long enough to look like one. " * 20)
    code, said = await fail("inventory", STATE_DIR=str(tmp_path))
    assert code == 1
    assert said.startswith("inventory: cannot use the database ")
    assert said.count("\n") == 1


async def test_a_database_that_cannot_be_reached_is_a_clear_error_without_the_password(fail: Fail) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    code, said = await fail("inventory", INVENTORY_DATABASE_URL=f"postgresql://me:secret@127.0.0.1:{port}/stock")
    assert code == 1
    assert said.startswith("inventory: cannot use the database postgresql+psycopg://me:***@127.0.0.1")
    assert "secret" not in said
    assert said.count("\n") == 1


async def test_the_state_folder_is_made_and_survives_a_restart(start: Start, tmp_path: Path) -> None:
    request = ReserveStockRequest(order_id="order-1", lines=[Line(sku="PIANO-GRAND", quantity=2)])
    key = (("idempotency-key", "key-1"),)
    before = await start("inventory")
    first = await InventoryServiceStub(before.channel).ReserveStock(request, metadata=key)
    assert await before.stop(signal.SIGTERM) == 0
    assert (tmp_path / "state" / "inventory.db").exists()

    after = InventoryServiceStub((await start("inventory")).channel)
    second = await after.ReserveStock(request, metadata=key)
    assert first.SerializeToString() == second.SerializeToString()
    assert (await after.GetStock(GetStockRequest(sku="PIANO-GRAND"))).reserved == 2


async def test_the_state_of_a_service_can_be_read_by_its_owner_only(start: Start, tmp_path: Path) -> None:
    request = ReserveStockRequest(order_id="order-1", lines=[Line(sku="PIANO-GRAND", quantity=2)])
    await InventoryServiceStub((await start("inventory")).channel).ReserveStock(request)
    folder = tmp_path / "state"
    for_others = stat.S_IRWXG | stat.S_IRWXO

    assert {"inventory.db", "inventory.db-wal", "inventory.db-shm"} <= {file.name for file in folder.iterdir()}
    assert [file.name for file in (folder, *folder.iterdir()) if file.stat().st_mode & for_others] == []


async def test_a_crash_after_the_reply_loses_nothing(start: Start) -> None:
    request = ReserveStockRequest(order_id="order-1", lines=[Line(sku="PIANO-GRAND", quantity=2)])
    before = await start("inventory")
    await InventoryServiceStub(before.channel).ReserveStock(request)
    await before.stop(signal.SIGKILL)
    after = InventoryServiceStub((await start("inventory")).channel)
    assert (await after.GetStock(GetStockRequest(sku="PIANO-GRAND"))).reserved == 2


async def test_a_service_without_traces_does_not_even_import_opentelemetry() -> None:
    look = "import sys, services.inventory.__main__; print([m for m in sys.modules if 'opentelemetry' in m])"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", look), cwd=Path(__file__).parents[4], stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().strip() == "[]"
