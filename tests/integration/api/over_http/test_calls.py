"""Calls over HTTP: what a caller is told, and that it is what gRPC tells."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import json_format
from grpc_status import rpc_status

from orchestrator.access.fingerprints import fingerprint
from orchestrator.journal.four_eyes import FourEyes
from saga.v1 import saga_service_pb2 as pb
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.integration.api.conftest import an_order
from tests.integration.api.over_http.conftest import order_document
from tests.integration.api.situations import AUTHORIZE, held_at, in_doubt
from tests.integration.console.conftest import opened
from tests.support.served import entry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.console.conftest import Opened

JSON = {"content-type": "application/json"}


async def test_an_order_is_started_and_shown(http: Opened) -> None:
    async with http.caller("starter") as starter:
        started = await starter.post("/v1/orders", json=order_document(wait="10s"))
        order = started.json()["order"]
        assert (started.status_code, order["status"]) == (200, "STATUS_COMPLETED")
        shown = await starter.get(f"/v1/orders/{order['orderId']}")
        assert shown.json()["order"] == order


async def test_what_http_answers_is_what_grpc_answers(http: Opened) -> None:
    saga_id = await held_at(http.api, an_order(), "AuthorizePayment")
    async with http.caller("viewer") as viewer:
        over_http = (await viewer.get(f"/v1/sagas/{saga_id}", params={"includeJournal": True})).content
    over_grpc = await http.api.sagas.GetSaga(pb.GetSagaRequest(saga_id=saga_id, include_journal=True))
    assert json_format.Parse(over_http, pb.GetSagaResponse()) == over_grpc


async def test_a_refusal_over_http_has_every_detail_of_that_over_grpc(http: Opened) -> None:
    bad = order_document(email="nobody", lines=[{"sku": "MUG-BLUE"}])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await http.api.orders.StartOrder(json_format.ParseDict(bad, StartOrderRequest()))
    async with http.caller("starter") as starter:
        answer = await starter.post("/v1/orders", json=bad)
    status: Any = rpc_status.from_call(refused.value)  # type: ignore[arg-type]  # it has all that is read
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert problem["details"] == json_format.MessageToDict(status)["details"]
    assert (problem["code"], problem["reason"], problem["detail"]) == (
        "INVALID_ARGUMENT",
        "INVALID_INPUT",
        status.message,
    )
    assert [each["field"] for each in problem["violations"]] == ["email", "lines[0].quantity"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b'{"customer": "ada"}', "customer"),
        (b'{"lines": [{"sku": "A", "quantity": "many"}]}', "lines[0].quantity"),
        (b"{", ""),
        (b"", "customer_id"),
    ],
)
async def test_a_body_that_is_no_order_is_refused_by_its_field(http: Opened, content: bytes, field: str) -> None:
    async with http.caller("starter") as starter:
        answer = await starter.post("/v1/orders", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, field)


async def test_a_repeated_idempotency_key_starts_one_order(http: Opened) -> None:
    key = {"idempotency-key": str(uuid.uuid4())}
    async with http.caller("starter") as starter:
        first, second, other = [
            await starter.post("/v1/orders", json=order_document(email=email), headers=key)
            for email in ("ada@example.com", "ada@example.com", "bob@example.com")
        ]
    assert first.json()["order"]["orderId"] == second.json()["order"]["orderId"]
    assert (other.status_code, other.json()["reason"]) == (422, "REQUEST_ID_REUSED")


async def test_an_idempotency_key_and_a_request_id_that_differ_are_refused(http: Opened) -> None:
    ours, theirs = str(uuid.uuid4()), str(uuid.uuid4())
    async with http.caller("starter") as starter:
        answer = await starter.post(
            "/v1/orders", json=order_document(requestId=ours), headers={"idempotency-key": theirs}
        )
        same = await starter.post(
            "/v1/orders", json=order_document(requestId=ours), headers={"idempotency-key": f'"{ours}"'}
        )
    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, "idempotency-key")
    assert same.status_code == 200


async def test_a_key_for_an_rpc_that_would_not_recognise_it_is_refused(http: Opened) -> None:
    async with http.caller("operator") as operator:
        answer = await operator.post("/v1/sagas/x:cancel", json={"reason": "no"}, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, "idempotency-key")


async def test_a_filter_stands_in_the_query_or_in_a_body(http: Opened) -> None:
    async with http.caller("starter") as starter:
        await starter.post("/v1/orders", json=order_document(wait="10s"))
        by_query = await starter.get("/v1/sagas", params={"filter.statuses": "STATUS_COMPLETED", "pageSize": 5})
        by_body = await starter.post("/v1/sagas:list", json={"filter": {"attributes": {"customer_id": "ada"}}})
        nobodys = await starter.post("/v1/sagas:list", json={"filter": {"attributes": {"customer_id": "bob"}}})
    assert by_query.json()["sagas"] == by_body.json()["sagas"]
    assert nobodys.json() == {}


async def test_an_act_is_journalled_with_who_did_it(http: Opened) -> None:
    saga_id = await held_at(http.api, an_order(), "AuthorizePayment")
    async with http.caller("operator") as operator:
        pausing = asyncio.create_task(operator.post(f"/v1/sagas/{saga_id}:pause", json={"reason": "let us look"}))
        await http.api.until(lambda: http.api.worker.live[saga_id]._run.stop_control.stop)
        http.api.mocks.held.pop("AuthorizePayment").set()
        answer = await pausing
        shown = await operator.get(f"/v1/sagas/{saga_id}", params={"includeJournal": True})
    assert answer.status_code == 200
    (paused,) = [each for each in shown.json()["saga"]["journal"] if "let us look" in json.dumps(each)]
    assert "operator" in json.dumps(paused)


async def test_where_two_people_are_needed_one_is_refused_and_that_is_durable(tmp_path: Path) -> None:
    async with opened(tmp_path, four_eyes=FourEyes(["resolve"]), more=entry("second", "operator")) as http:
        saga_id = await in_doubt(http.api, an_order(), "AuthorizePayment")
        body = {"key": AUTHORIZE, "tookEffect": False, "evidence": "the bank says so"}
        async with http.caller("operator") as first, http.caller("second") as second:
            refused = await first.post(f"/v1/sagas/{saga_id}:resolveOutcome", json=body)
            taken = await second.post(f"/v1/sagas/{saga_id}:resolveOutcome", json=body)
    assert (refused.status_code, refused.json()["reason"]) == (422, "SECOND_PERSON_NEEDED")
    assert taken.status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (":cancel", rb'{"reason": "too late \ud83d"}', "reason"),
        (":cancel", rb'{"reason": "too late", "\ud83d": 1}', ""),
        (":resolveOutcome", rb'{"key": "a", "evidence": "the bank says \ud83d"}', "evidence"),
        (":resolveOutcome", rb'{"key": "\ud83d", "evidence": "the bank says so"}', "key"),
    ],
)
async def test_half_an_emoji_is_refused_by_the_name_of_its_field_and_nothing_is_lost(
    http: Opened, path: str, body: bytes, field: str
) -> None:
    saga_id = await in_doubt(http.api, an_order(), "AuthorizePayment")
    async with http.caller("operator") as operator:
        before = await operator.get(f"/v1/sagas/{saga_id}", params={"includeJournal": True})
        answer = await operator.post(f"/v1/sagas/{saga_id}{path}", content=body, headers=JSON)
        after = await operator.get(f"/v1/sagas/{saga_id}", params={"includeJournal": True})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert [each.get("field", "") for each in answer.json()["violations"]] == [field]
    assert after.json() == before.json()


async def test_a_narrowed_caller_sees_its_own_alone(tmp_path: Path) -> None:
    token = "saga_of-bob"
    bob = f"bob: {{sha256: {fingerprint(token)}, roles: [viewer], attributes: {{customer_id: bob}}}}\n"
    async with opened(tmp_path, more=bob) as http, http.caller("starter") as starter, http.caller("bob") as narrowed:
        adas = (await starter.post("/v1/orders", json=order_document(wait="10s"))).json()["order"]["orderId"]
        listed, shown = await narrowed.get("/v1/orders"), await narrowed.get(f"/v1/orders/{adas}")
    assert (listed.json(), shown.status_code) == ({}, 404)


async def test_too_much_at_once_is_told_with_when_to_ask_again(http: Opened) -> None:
    http.api.admission.limits = http.api.admission.limits._replace(in_flight=0, queued=0)
    async with http.caller("starter") as starter:
        answer = await starter.post("/v1/orders", json=order_document())
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["reason"]) == (429, "1", "TOO_MANY_STARTS")


async def test_a_caller_that_waits_no_longer_is_told_so(http: Opened) -> None:
    http.api.mocks.hold("AuthorizePayment")
    async with http.caller("starter") as starter:
        answer = await starter.post("/v1/orders", json=order_document(wait="60s"), headers={"request-timeout": "0.2"})
        nonsense = await starter.get("/v1/orders", headers={"request-timeout": "soon"})
    assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")
    assert (nonsense.status_code, nonsense.json()["violations"][0]["field"]) == (400, "request-timeout")


async def test_a_path_that_no_rpc_has_is_told_as_json(http: Opened) -> None:
    async with http.caller("viewer") as viewer:
        nowhere, wrong = await viewer.get("/v1/nothing"), await viewer.put("/v1/orders")
        broken = await viewer.get("/v1/orders/%FF")
    assert (nowhere.status_code, nowhere.json()["reason"]) == (404, "NO_SUCH_PATH")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert broken.status_code == 400
