"""A service of the shop that is told whom it trusts: a second shop on the same network cannot touch the first."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReleaseStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.payment.v1.payment_pb2 import (
    AuthorizePaymentRequest,
    CapturePaymentRequest,
    GetPaymentRequest,
    VoidAuthorizationRequest,
)
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from shop.type.v1.type_pb2 import Line
from tests.support.certificate_files import Authority, Files, put
from tests.support.processes import PATIENCE
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.services.chassis.conftest import Fail, Start

FIRST, SECOND, OPERATOR = "orchestrator.first.example", "orchestrator.second.example", "alice.first.example"
RESERVE = ReserveStockRequest(order_id="order-1", lines=[Line(sku="MUG-BLUE", quantity=2)])
RELEASE = ReleaseStockRequest(order_id="order-1")


def key(name: str, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return (("idempotency-key", f"order-1/{name}#1"), ("saga-id", "order-1"), *more)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


def environment(authority: Authority, service: str, *, host: str) -> dict[str, str]:
    callers = authority.folder / "callers"
    put(callers, f"orchestrator certificate={FIRST}\noperator certificate={OPERATOR}\n".encode())
    prefix = f"{service.upper()}_"
    return authority.issue(host).environment(prefix) | {f"{prefix}TRUSTED_CALLERS": str(callers)}


async def refused(call: Any) -> None:  # noqa: ANN401 - gRPC's
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "needs the role" in (caught.value.details() or "")
    assert "idempotency-key" not in dict(caught.value.trailing_metadata() or ())  # it holds for this attempt alone


async def available(stub: Any) -> int:  # noqa: ANN401 - a stub
    return int((await stub.GetStock(GetStockRequest(sku="MUG-BLUE"))).available)


async def test_an_orchestrator_of_another_shop_neither_reserves_nor_releases(
    authority: Authority, start: Start
) -> None:
    inventory = await start("inventory", **environment(authority, "inventory", host="inventory.first.example"))
    first, second = (authority.issue(name) for name in (FIRST, SECOND))
    async with (
        first.channel(inventory.address, "inventory.first.example") as ours,
        second.channel(inventory.address, "inventory.first.example") as theirs,
    ):
        our, their = InventoryServiceStub(ours), InventoryServiceStub(theirs)
        before = await available(our)
        await our.ReserveStock(RESERVE, metadata=key("ReserveStock"))

        undo = ("compensates", "order-1/ReserveStock#1")
        for metadata in ((), key("ReleaseStock"), key("ReleaseStock", undo)):
            await refused(their.ReleaseStock(RELEASE, metadata=metadata))
        for metadata in ((), key("ReserveStock")):
            await refused(their.ReserveStock(RESERVE, metadata=metadata))
        # Nor does it kill a command that is yet to come, nor ask about another's.
        await refused(their.ReleaseStock(RELEASE, metadata=(("compensates", "order-2/ReserveStock#1"),)))
        await refused(
            their.GetStock(GetStockRequest(sku="MUG-BLUE"), metadata=(("verifies", "order-1/ReserveStock#1"),))
        )

        assert await available(their) == before - 2  # every caller with a certificate may look
        later = ReserveStockRequest(order_id="order-2", lines=RESERVE.lines)
        await our.ReserveStock(later, metadata=(("idempotency-key", "order-2/ReserveStock#1"),))
        await our.ReleaseStock(RELEASE, metadata=key("ReleaseStock", undo))
        assert await available(our) == before - 2


async def test_an_orchestrator_of_another_shop_neither_captures_nor_voids(authority: Authority, start: Start) -> None:
    payment = await start("payment", **environment(authority, "payment", host="payment.first.example"))
    first, second = (authority.issue(name) for name in (FIRST, SECOND))
    async with (
        first.channel(payment.address, "payment.first.example") as ours,
        second.channel(payment.address, "payment.first.example") as theirs,
    ):
        our, their = PaymentServiceStub(ours), PaymentServiceStub(theirs)
        amount = {"currency_code": "EUR", "units": 10}
        authorize = AuthorizePaymentRequest(
            order_id="order-1", customer_id="alice", amount=amount, card_token="tok_visa"
        )
        await our.AuthorizePayment(authorize, metadata=key("AuthorizePayment"))

        capture, void = (
            CapturePaymentRequest(order_id="order-1", amount=amount),
            VoidAuthorizationRequest(order_id="order-1"),
        )
        await refused(their.CapturePayment(capture))
        await refused(their.CapturePayment(capture, metadata=key("CapturePayment")))
        await refused(their.VoidAuthorization(void))
        await refused(
            their.VoidAuthorization(
                void, metadata=key("VoidAuthorization", ("compensates", key("AuthorizePayment")[0][1]))
            )
        )

        await our.CapturePayment(capture, metadata=key("CapturePayment"))
        assert (await our.GetPayment(GetPaymentRequest(order_id="order-1"))).payment_id


async def test_a_compensation_that_names_no_command_needs_the_role_of_an_operator(
    authority: Authority, start: Start
) -> None:
    inventory = await start("inventory", **environment(authority, "inventory", host="inventory.first.example"))
    first, operator = (authority.issue(name) for name in (FIRST, OPERATOR))
    async with (
        first.channel(inventory.address, "inventory.first.example") as ours,
        operator.channel(inventory.address, "inventory.first.example") as by_hand,
    ):
        before = await available(InventoryServiceStub(ours))
        await InventoryServiceStub(ours).ReserveStock(RESERVE, metadata=key("ReserveStock"))

        await refused(InventoryServiceStub(ours).ReleaseStock(RELEASE, metadata=key("ReleaseStock")))
        await refused(InventoryServiceStub(by_hand).ReserveStock(RESERVE))
        await InventoryServiceStub(by_hand).ReleaseStock(RELEASE)

        assert await available(InventoryServiceStub(ours)) == before


async def test_a_token_is_trusted_from_when_the_file_names_it_until_it_names_it_no_longer(
    tmp_path: Path, start: Start
) -> None:
    callers = tmp_path / "callers"
    put(callers, b"orchestrator sha256=" + hashlib.sha256(b"saga_old").hexdigest().encode())
    inventory = await start("inventory", INVENTORY_TRUSTED_CALLERS=str(callers))
    stub = InventoryServiceStub(inventory.channel)

    async def reserve(token: str) -> None:
        await stub.ReserveStock(RESERVE, metadata=(*key("ReserveStock"), ("authorization", f"Bearer {token}")))

    await reserve("saga_old")
    await refused(reserve("saga_new"))
    await refused(stub.ReserveStock(RESERVE, metadata=key("ReserveStock")))

    put(callers, b"orchestrator sha256=" + hashlib.sha256(b"saga_new").hexdigest().encode())
    while True:  # until the file is looked at
        try:
            await reserve("saga_new")
        except grpc.aio.AioRpcError:
            continue
        break
    await refused(reserve("saga_old"))


@pytest.mark.parametrize("ca", [True, False], ids=["with a certificate of another authority", "without a certificate"])
async def test_a_caller_whose_certificate_is_not_good_is_not_connected(
    authority: Authority, tmp_path: Path, start: Start, ca: bool
) -> None:
    inventory = await start("inventory", **environment(authority, "inventory", host="inventory.first.example"))
    theirs = Authority(tmp_path / "another").issue(FIRST)
    ours = authority.issue("somebody")
    wrong = Files(theirs.certificate, theirs.key, ours.ca)
    if ca:
        channel = wrong.channel(inventory.address, "inventory.first.example")
    else:
        only = grpc.ssl_channel_credentials(ours.ca.read_bytes())
        options = [("grpc.ssl_target_name_override", "inventory.first.example")]
        channel = grpc.aio.secure_channel(inventory.address, only, options=options)

    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await InventoryServiceStub(channel).GetStock(GetStockRequest(sku="MUG-BLUE"), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "without TLS and without trusted callers"),
        ({"INVENTORY_TRUSTED_CALLERS": "{callers}"}, "without TLS; set"),
        ({"INVENTORY_TLS_CERTIFICATE": "{certificate}", "INVENTORY_TLS_KEY": "{key}"}, "without trusted callers; set"),
    ],
    ids=["with nothing", "with callers", "with TLS"],
)
async def test_a_door_to_a_network_is_not_opened_without_tls_and_trusted_callers(
    authority: Authority, fail: Fail, given: dict[str, str], told: str
) -> None:
    files = authority.issue("inventory.first.example")
    callers = authority.folder / "callers"
    put(callers, f"orchestrator certificate={FIRST}\n".encode())
    names = {"callers": callers, "certificate": files.certificate, "key": files.key}
    settings = {name: value.format(**names) for name, value in given.items()}

    code, said = await fail("inventory", INVENTORY_LISTEN="0.0.0.0:0", **settings)

    assert code == 1
    assert said.startswith("inventory: INVENTORY_LISTEN: 0.0.0.0:0 can be reached over a network, ")
    assert told in said
    assert said.count("\n") == 1


async def test_a_door_to_a_network_that_is_opened_all_the_same_is_told_at_each_start(start: Start) -> None:
    inventory = await start("inventory", INVENTORY_LISTEN="0.0.0.0:0", INVENTORY_INSECURE="true")
    assert any("INSECURE: 0.0.0.0:0 can be reached over a network" in line for line in inventory.said)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"INVENTORY_TLS_KEY": "{another}"}, "the key is not that of the certificate"),
        ({"INVENTORY_TLS_KEY": "{certificate}"}, "the key is no private key"),
        ({"INVENTORY_TLS_CERTIFICATE": "{key}"}, "there is no certificate in PEM"),
        ({"INVENTORY_TLS_CERTIFICATE": "nowhere.pem"}, "No such file"),
        ({"INVENTORY_TLS_KEY": ""}, "are needed, both of them"),
        ({"INVENTORY_TRUSTED_CALLERS": "{key}"}, "line 1: expected orchestrator or operator"),
    ],
    ids=["another key", "no key", "no certificate", "no file", "no key set", "no callers"],
)
async def test_a_certificate_that_cannot_be_used_is_a_clear_error(
    authority: Authority, fail: Fail, given: dict[str, str], told: str
) -> None:
    files, another = authority.issue("inventory.first.example"), authority.issue("another")
    names = {"certificate": files.certificate, "key": files.key, "another": another.key}
    settings = {name: value.format(**names) for name, value in given.items()}
    whole = files.environment("INVENTORY_") | settings

    code, said = await fail("inventory", **{name: value for name, value in whole.items() if value})

    assert code == 1
    assert told in said
    assert said.count("\n") == 1


async def test_the_command_line_asks_a_service_with_tls_as_whom_it_trusts(
    authority: Authority, tmp_path: Path, start: Start
) -> None:
    inventory = await start("inventory", **environment(authority, "inventory", host="inventory.first.example"))
    both = authority.issue(FIRST, OPERATOR, into="both")
    tls = ["--tls-ca", str(both.ca), "--tls-certificate", str(both.certificate), "--tls-key", str(both.key)]
    contract = "shop.inventory.v1.InventoryService"

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", "conform", contract, "--address", inventory.address),
        *(*tls, "--tls-name", "inventory.first.example"),
        cwd=ROOT,
        env=os.environ | {"STATE_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert "is not a product of ours" in " ".join(output.decode().split())  # it came to the business behind the guard
