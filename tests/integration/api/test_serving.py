"""What ``orchestrator serve`` refuses to begin with, and how it speaks."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import re
import signal
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection

from orchestrator import saga
from orchestrator.bootstrap import opened
from orchestrator.bootstrap.channels import channel_settings
from orchestrator.bootstrap.serving import serve
from orchestrator.channels.grpc.bearer import with_token
from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.channels.grpc.credentials import Security
from orchestrator.cli.connecting.credentials import local_token
from orchestrator.doors import channel_to
from orchestrator.errors import DefinitionError, SettingsError
from orchestrator.journal.acts import Act
from orchestrator.settings import Settings, read_settings
from orchestrator.shop.place_order import Shop, place_order
from shop.inventory.v1 import inventory_pb2
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.processes import PATIENCE, end
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SERVICE = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"]
NOBODY = "127.0.0.1:1"


@saga("restless", version=1)
async def restless(order: StartOrderRequest, shop: Shop) -> Receipt:  # noqa: ARG001 - a saga has both
    return Receipt(order_id=str(time.time()))


@asynccontextmanager
async def another_contract_at(address: str) -> AsyncIterator[str]:
    """An inventory whose contract lacks a field of ours; gives its address."""
    pool = descriptor_pool.DescriptorPool()
    known: set[str] = set()

    def add(file: object) -> None:
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)  # type: ignore[attr-defined]  # it is a FileDescriptor
        if proto.name in known:
            return
        known.add(proto.name)
        for dependency in file.dependencies:  # type: ignore[attr-defined]  # as above
            add(dependency)
        if proto.name == SERVICE.file.name:
            request = next(each for each in proto.message_type if each.name == "ReserveStockRequest")
            del request.field[-1]
        pool.AddSerializedFile(proto.SerializeToString())

    add(SERVICE.file)
    server = grpc.aio.server()
    reflection.enable_server_reflection([SERVICE.full_name], server, pool=pool)
    port = server.add_insecure_port(address)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def another_contract() -> AsyncIterator[str]:
    async with another_contract_at("127.0.0.1:0") as address:
        yield address


def settings(inventory: str = NOBODY) -> Settings:
    participants = {each.service.full_name: NOBODY for each in place_order.participants}
    return Settings(listen="127.0.0.1:0", journal="memory:", participants=participants | {SERVICE.full_name: inventory})


async def test_a_saga_that_breaks_a_rule_is_not_served() -> None:
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(DefinitionError, match=r"not served, because of:\n.*now\(\)"):
            await serve(settings(), [restless])


async def test_an_orchestrator_has_python_look_for_cycles_seldom_and_a_replica_leaves_that_to_its_process() -> None:
    before = gc.get_threshold()
    try:
        async with opened(Settings(journal="memory:"), []):
            assert gc.get_threshold() == before
        with pytest.raises(DefinitionError):
            await serve(settings(), [restless])
        assert gc.get_threshold() == (50_000, *before[1:])
    finally:
        gc.set_threshold(*before)


@pytest.mark.parametrize("scheme", ["", "grpc://"])
async def test_a_live_participant_with_another_contract_is_not_called(another_contract: str, scheme: str) -> None:
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(DefinitionError, match=r"live participants differ:\n.*ReserveStockRequest"):
            await serve(settings(scheme + another_contract), [place_order])


async def test_an_address_to_which_no_channel_leads_is_refused_before_anything_starts() -> None:
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(SettingsError, match=r"InventoryService=kafka://broker; there are: grpc://host:port"):
            await serve(settings("kafka://broker"), [place_order])


async def test_a_participant_behind_a_queue_is_refused_where_the_sagas_are_on_temporal() -> None:
    on_temporal = settings("nats://broker/commands").model_copy(update={"engine": f"temporal://{NOBODY}/default"})

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(SettingsError, match=r"InventoryService=nats://broker/commands is a queue, .* gRPC or HTTP"):
            await serve(on_temporal, [place_order])


async def test_the_orchestrator_may_be_told_not_to_compare(another_contract: str) -> None:
    unchecked = settings(another_contract).model_copy(update={"drift_check": False})

    async with asyncio.timeout(PATIENCE), opened(unchecked, [place_order]) as replica:
        assert replica.recovered == 0


@pytest.mark.parametrize(
    ("options", "environment"), [(["--no-drift-check"], {}), ([], {"ORCHESTRATOR_DRIFT_CHECK": "false"})], ids=str
)
async def test_a_real_orchestrator_can_be_told_not_to_compare(
    another_contract: str, tmp_path: Path, options: list[str], environment: dict[str, str]
) -> None:
    at = f"{SERVICE.full_name}=grpc://{another_contract}"
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "orchestrator",
            "serve",
            "--sagas",
            "orchestrator.shop",
            "--listen",
            "127.0.0.1:0",
            "--participant",
            at,
            *options,
        ),
        cwd=ROOT,
        env=os.environ | environment | {"STATE_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            assert process.stdout is not None
            assert b" listening on " in await process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            await process.communicate()
    finally:
        await end(process)

    assert process.returncode == 0


def test_what_is_set_reaches_every_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_KEEPALIVE_SECONDS", "3")
    monkeypatch.setenv("ORCHESTRATOR_MOST_MESSAGE_BYTES", "2000000")

    options = dict(channel_settings(read_settings(), Security()).options())

    assert options["grpc.keepalive_time_ms"] == 3000
    assert options["grpc.max_receive_message_length"] == 2_000_000


async def test_a_participant_that_comes_back_is_compared_again(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    told, listening = asyncio.Event(), logging.Handler()
    listening.emit = lambda record: told.set()  # type: ignore[method-assign]  # noqa: ARG005 - all that is wanted of one
    logging.getLogger("orchestrator.channels.grpc.live_contracts").addHandler(listening)
    address = f"127.0.0.1:{unused_tcp_port}"
    async with (
        asyncio.timeout(PATIENCE),
        opened(settings(address), [place_order]) as replica,
        another_contract_at(address),
    ):
        await replica.participants.of_kind(GrpcChannel)[SERVICE.full_name].current.channel_ready()
        replica.sagas.worker.bindings.breakers[SERVICE.full_name]._close()
        await told.wait()

    logging.getLogger("orchestrator.channels.grpc.live_contracts").removeHandler(listening)
    assert "came back with another contract" in caplog.text
    assert "ReserveStockRequest" in caplog.text


async def test_every_line_that_a_real_orchestrator_logs_is_one_record(tmp_path: Path) -> None:
    environment = {"STATE_DIR": str(tmp_path), "ORCHESTRATOR_LISTEN": "127.0.0.1:0"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", "serve", "--sagas", "orchestrator.shop"),
        cwd=ROOT,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while not said or " listening on " not in said[-1]:
                assert process.stdout is not None
                said.append((await process.stdout.readline()).decode())
            call = _undecodable(said[-1].split()[-1], local_token(tmp_path))
            with pytest.raises(grpc.aio.AioRpcError):
                await call
            process.send_signal(signal.SIGTERM)
            rest, _ = await process.communicate()
    finally:
        await end(process)

    lines = [*said, *rest.decode().splitlines()]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ +[\w.]+: ", line) for line in lines), lines
    (refused,) = (line for line in lines if " WARNING " in line)
    assert "/saga.v1.SagaService/GetSaga is refused" in refused
    assert process.returncode == 0


async def _undecodable(address: str, token: str) -> None:
    async with grpc.aio.insecure_channel(address, interceptors=with_token(token)) as channel:
        rpc: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/saga.v1.SagaService/GetSaga")
        await rpc(b"\x0a\xff")


async def test_an_application_that_asks_for_a_channel_to_nobody_is_told_who_is_reached() -> None:
    async with opened(settings(), [place_order]) as replica:
        over_grpc = replica.participants.of_kind(GrpcChannel)
        with pytest.raises(DefinitionError, match=r"reaches toy\.v1\.Toys over gRPC; those that are reached: shop\."):
            channel_to(over_grpc, "toy.v1.Toys")


async def test_a_door_to_a_network_is_not_opened_before_anything_starts() -> None:
    on_a_network = settings().model_copy(update={"listen": "0.0.0.0:0"})

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(SettingsError, match=r"0\.0\.0\.0:0 can be reached over a network, without TLS and without"):
            await serve(on_a_network, [place_order])


@pytest.mark.parametrize("variable", ["true", ""])
async def test_a_network_that_is_safe_by_other_means_is_listened_to_when_told_so_and_tokens_are_wanted_there(
    tmp_path: Path, variable: str
) -> None:
    environment = {"STATE_DIR": str(tmp_path), "ORCHESTRATOR_LISTEN": "0.0.0.0:0"}
    environment |= {"ORCHESTRATOR_INSECURE": variable} if variable else {}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", "serve", "--sagas", "orchestrator.shop", "--no-drift-check"),
        *([] if variable else ["--insecure"]),
        cwd=ROOT,
        env=os.environ | environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said = b""
        async with asyncio.timeout(PATIENCE):
            assert process.stderr is not None
            while b" listening on " not in said:
                said += await process.stderr.readline()
            assert b" WARNING  orchestrator.access.opening: INSECURE: 0.0.0.0:0 " in said
            port = said.split()[-1].rpartition(b":")[2].decode()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await _undecodable(f"127.0.0.1:{port}", "")
            process.send_signal(signal.SIGTERM)
            await process.communicate()
    finally:
        await end(process)

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert process.returncode == 0


async def test_the_acts_that_two_people_must_ask_for_are_those_of_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_FOUR_EYES", "skip,resolve")
    monkeypatch.setenv("ORCHESTRATOR_JOURNAL", "memory:")

    async with opened(read_settings(), []) as replica:
        assert {act for act in Act if replica.sagas.acts._four_eyes.needs_two(act)} == {
            Act.SKIP_COMPENSATION,
            Act.RESOLVE_OUTCOME,
            Act.RESOLVE_COMPENSATION,
        }
