"""The description of the API over HTTP: a validator accepts it, and a client that knows it alone places an order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiopenapi3 import OpenAPI
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from typer.testing import CliRunner

from orchestrator.api.openapi import document
from orchestrator.cli.app import app
from orchestrator.doors import OWN_SERVICES
from tests.integration.api.over_http.conftest import order_document
from tests.integration.api.test_access_table import addresses
from tests.support.served import token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pytest

    from tests.integration.console.conftest import Opened


async def described(http: Opened) -> dict[str, Any]:
    async with http.caller("viewer") as viewer:
        answer = await viewer.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


async def test_a_validator_accepts_the_description(http: Opened) -> None:
    validate(await described(http), cls=OpenAPIV31SpecValidator)


async def test_the_description_has_each_address(http: Opened) -> None:
    paths = (await described(http))["paths"]
    told = {(verb.upper(), path.replace("{", "").replace("}", "")) for path, verbs in paths.items() for verb in verbs}
    assert len(told) == len(addresses())
    assert ("POST", "/v1/orders") in told
    assert ("POST", "/v1/sagas/sagaId:cancel") in told


async def test_the_comments_of_the_contracts_are_in_the_description(http: Opened) -> None:
    found = await described(http)
    start = found["paths"]["/v1/orders"]["post"]
    assert start["summary"] == "Places an order"
    assert start["description"].endswith("Needs the role STARTER.")
    order = found["components"]["schemas"]["shop.order.v1.StartOrderRequest"]
    assert order["properties"]["customerId"]["description"] == "Who orders."
    assert order["required"] == ["customerId", "email", "lines", "shipTo", "cardToken"]
    said = {name: schema.get("description") for name, schema in found["components"]["schemas"].items()}
    assert [name for name, text in said.items() if not text and not name.startswith("google.")] == []


async def test_a_client_that_knows_the_description_alone_places_orders_and_takes_every_answer(http: Opened) -> None:
    client = OpenAPI(f"{http.address}/openapi.json", await described(http))
    client.authenticate(bearer=token_of("starter"))
    placed = await client.createRequest(("/v1/orders", "post"))(data=order_document(wait="10s"))
    assert placed.order.status == "STATUS_COMPLETED"
    shown = await client.createRequest(("/v1/orders/{orderId}", "get"))(parameters={"orderId": placed.order.orderId})
    assert shown.order == placed.order
    parameters: dict[str, Any] = {"statuses": ["STATUS_COMPLETED"], "pageSize": 10}
    listed = await client.createRequest(("/v1/orders", "get"))(parameters=parameters)
    assert [order.orderId for order in listed.orders] == [placed.order.orderId]
    for path in ("/v1/sagas", "/v1/statistics", "/v1/definitions", "/v1/whoAmI", "/v1/schedules", "/v1/bulkActs"):
        await client.createRequest((path, "get"))()
    parameters = {"sagaId": placed.order.orderId, "includeJournal": True, "includeGuidance": True}
    saga = (await client.createRequest(("/v1/sagas/{sagaId}", "get"))(parameters=parameters)).saga
    assert len(saga.journal) > 10


async def test_the_description_is_made_once_and_only_when_it_is_asked_for(
    http: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    make: Callable[[Iterable[str]], dict[str, Any]] = document.document

    def count(services: Iterable[str]) -> dict[str, Any]:
        made.append(services)
        return make(services)

    monkeypatch.setattr(document, "document", count)
    async with http.caller("starter") as starter:
        assert (await starter.post("/v1/orders", json=order_document())).status_code == 200
    assert made == []
    assert await described(http) == await described(http)
    assert len(made) == 1


async def test_the_command_writes_what_the_server_tells(http: Opened, tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    done = CliRunner().invoke(app, ["openapi", "--sagas", "orchestrator.shop", "--out", str(file)])
    shown = CliRunner().invoke(app, ["openapi", "--sagas", "orchestrator.shop"])
    assert (done.exit_code, shown.exit_code) == (0, 0)
    assert json.loads(file.read_text()) == json.loads(shown.stdout) == await described(http)


def test_the_description_is_of_what_every_orchestrator_serves() -> None:
    found = document.document(OWN_SERVICES)
    assert [tag["name"] for tag in found["tags"]] == [name.rpartition(".")[2] for name in OWN_SERVICES]
