"""A service over HTTP in words of HTTP alone, as curl or a service in another language calls it."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import ssl
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from services.chassis import serving
from services.inventory.__main__ import SERVICE as INVENTORY
from services.payment.__main__ import SERVICE as PAYMENT
from shop.payment.v1.payment_pb2 import GetPaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub
from tests.support.certificate_files import Authority, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.chassis import Service
    from tests.integration.services.chassis.conftest import Fail, Start
    from tests.support.processes import Running

JSON = {"content-type": "application/json"}
KEY = {**JSON, "idempotency-key": "order-1/ReserveStock#1", "saga-id": "order-1"}
RESERVE = {"orderId": "order-1", "lines": [{"sku": "MUG-BLUE", "quantity": 2}]}
SLOW = {
    "orderId": "order-1",
    "customerId": "alice",
    "amount": {"currencyCode": "EUR", "units": "1"},
    "cardToken": "tok_slow",
}


@pytest.fixture
async def inventory(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = settings_of(INVENTORY, tmp_path)
    async with serving(INVENTORY, settings) as served, httpx2.AsyncClient(base_url=served.url) as client:
        yield client


def settings_of(service: Service[Any], folder: Path) -> Any:  # noqa: ANN401 - of any service
    url = f"sqlite:///{folder}/{service.name}.db"
    return service.settings(listen="127.0.0.1:0", http="127.0.0.1:0", database_url=url)


async def reserved(client: httpx2.AsyncClient) -> int:
    return int((await client.get("/v1/stock/MUG-BLUE")).json().get("reserved", 0))


async def test_a_command_is_a_request_with_its_key_which_is_echoed(inventory: httpx2.AsyncClient) -> None:
    for _ in range(2):
        response = await inventory.post("/v1/reservations", headers=KEY, json=RESERVE)
        assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
        assert response.headers["idempotency-key"] == KEY["idempotency-key"]
        assert response.json() == {"lines": [{"sku": "MUG-BLUE", "quantity": 2, "bin": "A-01"}]}
    assert await reserved(inventory) == 2


async def test_a_compensation_finds_its_command_by_its_header(inventory: httpx2.AsyncClient) -> None:
    await inventory.post("/v1/reservations", headers=KEY, json=RESERVE)
    undo = {**JSON, "idempotency-key": "undo", "compensates": KEY["idempotency-key"]}
    response = await inventory.post("/v1/reservations/order-1:release", headers=undo, json={})
    assert (response.status_code, response.json()) == (200, {})
    assert await reserved(inventory) == 0


async def test_a_rejection_is_a_problem_with_code_reason_and_facts(inventory: httpx2.AsyncClient) -> None:
    unicorn = {"orderId": "order-1", "lines": [{"sku": "UNICORN", "quantity": 1}]}
    response = await inventory.post("/v1/reservations", headers=KEY, json=unicorn)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert response.headers["idempotency-key"] == KEY["idempotency-key"]
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "UNICORN is not a product of ours",
        "code": "NOT_FOUND",
        "reason": "SKU_UNKNOWN",
        "metadata": {"sku": "UNICORN"},
    }


async def test_a_passing_failure_says_when_to_come_again(tmp_path: Path) -> None:
    async with (
        serving(PAYMENT, settings_of(PAYMENT, tmp_path)) as served,
        httpx2.AsyncClient(base_url=served.url) as client,
    ):
        response = await client.post("/v1/payments", headers=JSON, json={**SLOW, "cardToken": "tok_fails_once"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "0.1")
    assert response.json()["code"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b'{"orderId": "order-1", "lines": [{"sku": "MUG-BLUE", "quantity": 0}]}', "lines[0].quantity"),
        (b'{"orderId": 7}', "orderId"),
        (b'{"order": "order-1"}', "order"),
        (b'{"orderId": "a", "orderId": "b"}', ""),
        (b"\xff", ""),
        (b"[]", ""),
    ],
)
async def test_a_body_that_is_no_valid_request_is_told_by_its_field_and_not_echoed(
    inventory: httpx2.AsyncClient, content: bytes, field: str
) -> None:
    response = await inventory.post("/v1/reservations", headers=KEY, content=content)
    assert response.status_code == 400
    assert "idempotency-key" not in response.headers
    problem = response.json()
    assert problem["code"] == "INVALID_ARGUMENT"
    assert field in [each["field"] for each in problem["violations"]]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_that_a_page_in_a_browser_could_send_is_refused(
    inventory: httpx2.AsyncClient, content_type: str | None
) -> None:
    await inventory.post("/v1/reservations", headers=KEY, json=RESERVE)
    headers = {"content-type": content_type} if content_type else {}
    response = await inventory.post("/v1/reservations/order-1:release", headers=headers, content=b"")
    assert response.status_code == 415
    assert await reserved(inventory) == 2


async def test_a_path_that_no_rpc_has_is_not_found_and_another_method_is_told(inventory: httpx2.AsyncClient) -> None:
    unknown = await inventory.get("/v1/unicorns")
    assert unknown.status_code == 404
    assert "code" not in unknown.json()  # nobody has looked for a product
    wrong = await inventory.put("/v1/reservations", headers=JSON, json=RESERVE)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (await inventory.get("/v1/stock/%ff")).status_code == 400


async def test_a_body_that_is_too_large_is_refused(inventory: httpx2.AsyncClient) -> None:
    response = await inventory.post("/v1/reservations", headers=KEY, content=b" " * (16 * 1024 * 1024 + 1))
    assert response.status_code == 413
    assert await reserved(inventory) == 0


async def test_a_call_whose_time_is_over_is_answered_so(tmp_path: Path) -> None:
    async with (
        serving(PAYMENT, settings_of(PAYMENT, tmp_path)) as served,
        httpx2.AsyncClient(base_url=served.url) as client,
    ):
        hurried = {**JSON, "idempotency-key": "hold", "request-timeout": "0.3"}
        response = await client.post("/v1/payments", headers=hurried, json=SLOW)
        assert (response.status_code, response.json()["code"]) == (504, "DEADLINE_EXCEEDED")
        assert "idempotency-key" not in response.headers
        assert (await client.get("/v1/payments/order-1")).status_code == 200  # the hold was taken


@pytest.mark.parametrize("said", ["soon", "0", "-1", "nan", "inf"])
async def test_a_time_that_makes_no_sense_is_refused(inventory: httpx2.AsyncClient, said: str) -> None:
    response = await inventory.get("/v1/stock/MUG-BLUE", headers={"request-timeout": said})
    assert response.status_code == 400
    assert response.json()["violations"][0]["field"] == "metadata.request-timeout"


async def test_the_health_is_told_for_the_service_and_for_no_other(inventory: httpx2.AsyncClient) -> None:
    name = INVENTORY.contract.full_name
    for query in ("", f"?service={name}"):
        assert (await inventory.get(f"/health{query}")).status_code == 200
    assert (await inventory.get("/health?service=shop.payment.v1.PaymentService")).status_code == 404


async def test_a_call_in_flight_is_finished_before_the_end_and_the_health_tells_of_the_drain(start: Start) -> None:
    payment = await start("payment", PAYMENT_HTTP="127.0.0.1:0")
    async with httpx2.AsyncClient(base_url=payment.url) as client, httpx2.AsyncClient() as other:
        call = asyncio.ensure_future(client.post("/v1/payments", headers=JSON, json=SLOW, timeout=30))
        await held(payment)
        assert (await other.get(f"{payment.url}/health")).status_code == 200
        payment.process.send_signal(signal.SIGTERM)
        assert (await call).json()["paymentId"]
    assert await payment.ended() == 0


async def test_a_call_whose_caller_has_gone_does_not_delay_the_end(start: Start) -> None:
    payment = await start("payment", PAYMENT_HTTP="127.0.0.1:0", PAYMENT_DRAIN_SECONDS="600")
    async with httpx2.AsyncClient(base_url=payment.url) as client:
        call = asyncio.ensure_future(client.post("/v1/payments", headers=JSON, json=SLOW, timeout=30))
        await held(payment)
        call.cancel()
    assert await payment.stop(signal.SIGTERM) == 0


async def held(payment: Running) -> None:
    """Return as soon as the slow hold is taken."""
    stub = PaymentServiceStub(payment.channel)
    while True:
        try:
            await stub.GetPayment(GetPaymentRequest(order_id="order-1"))
        except Exception:  # noqa: BLE001 - it is not there yet
            continue
        return


async def test_a_caller_is_trusted_by_its_certificate_and_by_its_token(tmp_path: Path, start: Start) -> None:
    authority, token = Authority(tmp_path / "certificates"), "saga_ours"
    callers = tmp_path / "callers"
    told = f"orchestrator certificate=ours.example\norchestrator sha256={hashlib.sha256(token.encode()).hexdigest()}\n"
    put(callers, told.encode())
    environment = authority.issue("localhost").environment("INVENTORY_") | {"INVENTORY_TRUSTED_CALLERS": str(callers)}
    inventory = await start("inventory", INVENTORY_HTTP="localhost:0", **environment)

    async def status(name: str, **headers: str) -> int:
        files = authority.issue(name)
        context = ssl.create_default_context(cafile=files.ca)
        context.load_cert_chain(files.certificate, files.key)
        async with httpx2.AsyncClient(base_url=inventory.url, verify=context) as client:
            response = await client.post("/v1/reservations", headers=KEY | headers, json=RESERVE)
            assert response.status_code == 200 or response.json()["reason"] == "CALLER_NOT_TRUSTED"
            return response.status_code

    assert await status("ours.example") == 200
    assert await status("theirs.example") == 403
    assert await status("theirs.example", authorization=f"Bearer {token}") == 200
    assert await status("theirs.example", authorization="Bearer saga_theirs") == 403


async def test_a_service_does_not_listen_for_http_where_a_network_reaches_it(fail: Fail) -> None:
    code, said = await fail("inventory", INVENTORY_HTTP="0.0.0.0:0")
    assert code == 1
    assert said.startswith("inventory: INVENTORY_HTTP: 0.0.0.0:0 can be reached over a network, without TLS")


async def test_a_port_of_http_in_use_is_named_with_its_setting(inventory: httpx2.AsyncClient, fail: Fail) -> None:
    address = str(inventory.base_url).removeprefix("http://").rstrip("/")
    code, said = await fail("inventory", INVENTORY_HTTP=address)
    assert code == 1
    assert f"cannot listen on {address}: port" in said
    assert "set INVENTORY_HTTP to another host:port" in said
