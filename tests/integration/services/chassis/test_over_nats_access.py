"""A service that takes commands from a queue: whom it believes, how a broker lets it in, and what is said if not."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import ssl
from typing import TYPE_CHECKING

import grpc
import nats.errors
import pytest

from orchestrator.participant.queued.subjects import Subjects, consumer_of
from services.inventory.__main__ import SERVICE as INVENTORY
from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReserveStockRequest
from shop.type.v1.type_pb2 import Line
from tests.support.certificate_files import Authority, put
from tests.support.nats import running
from tests.support.own_queue import Queue, published_and_answered
from tests.support.ways import OverNats, connected

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.services.chassis.conftest import Fail, Start

KEY = (("idempotency-key", "order-1/ReserveStock#1"), ("saga-id", "order-1"))
RESERVE = ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=2)])
STOCK = GetStockRequest(sku="MUG-BLUE")
PATIENCE = 30.0


async def test_a_caller_is_trusted_by_the_token_in_the_metadata(queue: Queue, start: Start, tmp_path: Path) -> None:
    callers = tmp_path / "callers"
    put(callers, b"orchestrator sha256=" + hashlib.sha256(b"saga_ours").hexdigest().encode())
    over = await queue.of(INVENTORY.contract)
    await start("inventory", INVENTORY_NATS=queue.url, INVENTORY_TRUSTED_CALLERS=str(callers))
    for token, code in (("saga_theirs", "PERMISSION_DENIED"), ("saga_ours", "OK")):
        metadata = (*KEY, ("authorization", f"Bearer {token}"))
        assert (await over("ReserveStock", RESERVE, metadata, PATIENCE)).code.name == code


async def test_a_broker_with_tls_and_logins_lets_in_a_service_that_has_both(tmp_path: Path, start: Start) -> None:
    authority = Authority(tmp_path / "certificates")
    broker, ours = authority.issue("127.0.0.1"), authority.issue("inventory.example")
    tls = f'tls {{ cert_file: "{broker.certificate}", key_file: "{broker.key}", ca_file: "{broker.ca}", verify: true }}'
    demanding = "authorization {{ user: inventory, password: {} }}".format
    login, wrong = tmp_path / "login", tmp_path / "wrong"
    put(login, b"inventory:secret\n")
    put(wrong, b"inventory:guess\n")
    context = ssl.create_default_context(cafile=broker.ca)
    context.load_cert_chain(ours.certificate, ours.key)
    with running(settings=f"{tls}\n{demanding('secret')}") as server:
        url = server.url.replace("nats:", "tls:")
        environment = {"INVENTORY_NATS": f"{url}/commands", "INVENTORY_NATS_CA": str(broker.ca)}
        environment |= {"INVENTORY_TLS_CERTIFICATE": str(ours.certificate), "INVENTORY_TLS_KEY": str(ours.key)}
        async with connected(server, tls=context, user="inventory", password="secret") as client:
            over = await Queue(client, url, Subjects("commands")).of(INVENTORY.contract)
            stranger = await start("inventory", **environment, INVENTORY_NATS_LOGIN=str(wrong))
            with pytest.raises(nats.errors.NoRespondersError):
                await client.request(over.subjects.health(INVENTORY.contract.full_name), timeout=PATIENCE)
            await stranger.says("authorization")
            assert await stranger.stop(signal.SIGTERM) == 0
            assert "guess" not in "\n".join(stranger.said)

            await start("inventory", **environment, INVENTORY_NATS_LOGIN=str(login))
            assert (await over("ReserveStock", RESERVE, KEY, PATIENCE)).code is grpc.StatusCode.OK

        server.kill()
        others = Authority(tmp_path / "others")
        for old, new in ((broker, others.issue("127.0.0.1")), (ours, others.issue("inventory.example"))):
            for before, now in zip(old, new, strict=True):
                put(before, now.read_bytes())
        put(login, b"inventory:other\n")
        server.configure(f"{tls}\n{demanding('other')}")
        await asyncio.to_thread(server.start)
        context = ssl.create_default_context(cafile=broker.ca)
        context.load_cert_chain(ours.certificate, ours.key)
        async with connected(server, tls=context, user="inventory", password="other") as client:
            over = OverNats(INVENTORY.contract, client, Subjects("commands"))
            await over.listen()
            assert await published_and_answered(over) == 2  # the process is the same


async def test_a_password_is_not_told_to_a_broker_that_offers_no_encryption(start: Start, tmp_path: Path) -> None:
    login = tmp_path / "login"
    put(login, b"inventory:secret\n")
    heard: list[bytes] = []
    connections: list[asyncio.Task[None]] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","proto":1,"headers":true,"max_payload":1048576}\r\n')
        heard.append(await reader.read())
        writer.close()

    def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(hear(reader, writer)))

    async with await asyncio.start_server(pretend, "127.0.0.1", 0) as pretender:
        port = pretender.sockets[0].getsockname()[1]
        inventory = await start("inventory", INVENTORY_NATS=f"tls://127.0.0.1:{port}", INVENTORY_NATS_LOGIN=str(login))
        await inventory.says("does not offer tls")
        assert await inventory.stop(signal.SIGTERM) == 0
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*connections)
    assert heard
    assert b"secret" not in b"".join(heard)


@pytest.mark.parametrize("content", [b"", b"two\nlines"])
async def test_a_login_that_is_none_is_a_clear_error(fail: Fail, tmp_path: Path, content: bytes) -> None:
    put(tmp_path / "login", content)
    code, said = await fail(
        "inventory", INVENTORY_NATS="nats://127.0.0.1:4222", INVENTORY_NATS_LOGIN=str(tmp_path / "login")
    )
    assert code == 1
    assert said.startswith("inventory: INVENTORY_NATS_LOGIN: expected one line")


async def test_a_queue_that_a_network_reaches_needs_encryption_and_a_login(fail: Fail) -> None:
    code, said = await fail("inventory", INVENTORY_NATS="nats://192.0.2.1:4222/commands")
    assert code == 1
    assert said.startswith("inventory: INVENTORY_NATS: 192.0.2.1:4222 is reached over a network, without encryption")


@pytest.mark.parametrize(
    "url", ["192.0.2.1:4222", "http://127.0.0.1:1", "nats:///commands", "nats://me:secret@127.0.0.1", "nats://h/a b"]
)
async def test_an_address_that_is_no_queue_is_a_clear_error(fail: Fail, url: str) -> None:
    code, said = await fail("inventory", INVENTORY_NATS=url)
    assert code == 2
    assert said.startswith("inventory: INVENTORY_NATS: ")
    assert "secret" not in said


async def test_a_service_without_the_prefix_that_a_stream_was_made_for_says_so(queue: Queue, start: Start) -> None:
    inventory = await start("inventory", INVENTORY_NATS=queue.url)
    missing = f"consumer {consumer_of(INVENTORY.contract.full_name)} of stream {queue.subjects.commands}"
    await inventory.says(missing, "does not exist")
    assert await inventory.stop(signal.SIGTERM) == 0
