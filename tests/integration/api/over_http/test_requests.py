"""What a request must bring, and what it is refused for before any rpc hears of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2
import pytest

from orchestrator.api.over_http import requests
from orchestrator.errors import DefinitionError
from tests.integration.api.over_http.conftest import order_document
from tests.integration.console.conftest import opened
from tests.support.served import entry, token_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.console.conftest import Opened

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def test_a_cookie_of_the_console_opens_nothing(http: Opened) -> None:
    async with http.visitor("admin") as browser:
        assert (await browser.get("/")).status_code == 200
        read, write = await browser.get("/v1/orders"), await browser.post("/v1/orders", json=order_document())
    assert {answer.status_code for answer in (read, write)} == {401}
    assert read.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_what_a_page_of_another_site_sends_is_refused(http: Opened, headers: dict[str, str]) -> None:
    async with http.caller("starter", **headers) as starter:
        answer = await starter.post("/v1/orders", json=order_document())
    assert (answer.status_code, answer.json()["reason"]) == (403, "FOREIGN_ORIGIN")


async def test_a_page_of_the_console_may_ask_with_a_token(http: Opened) -> None:
    async with http.caller("starter", origin=http.address) as starter:
        assert (await starter.post("/v1/orders", json=order_document())).status_code == 200


async def test_a_page_of_another_site_is_told_by_no_header_that_it_may_ask(http: Opened) -> None:
    async with http.caller() as browser:
        asked = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
        answer = await browser.options("/v1/orders", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"content-type": "text/plain"}, 415, "NOT_JSON"),
        ({"content-type": "multipart/form-data; boundary=x"}, 415, "NOT_JSON"),
        ({}, 415, "NOT_JSON"),
        (JSON | {"content-encoding": "gzip"}, 415, "BODY_ENCODED"),
    ],
)
async def test_a_body_that_does_not_say_that_it_is_json_is_refused(
    http: Opened, headers: dict[str, str], status: int, reason: str
) -> None:
    async with http.caller("starter") as starter:
        answer = await starter.post("/v1/orders", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_what_curl_calls_a_form_is_believed_to_be_json_where_it_brings_a_token(http: Opened) -> None:
    async with http.caller("starter") as starter:
        answer = await starter.post("/v1/whoAmI", content=b"{}", headers=FORM)
        assert answer.status_code == 405
        answer = await starter.post("/v1/sagas:list", content=b"{}", headers=FORM)
    assert answer.status_code == 200


async def test_a_body_that_is_too_long_is_refused_before_it_is_read_to_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path, most_bytes=1000) as http, http.caller("starter") as starter:
        answer = await starter.post("/v1/orders", content=b" " * 1001, headers=JSON)
        assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LONG")
        assert (await starter.post("/v1/orders", content=b" " * 1000, headers=JSON)).status_code == 400


async def test_a_body_that_does_not_come_is_not_waited_for(http: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_BODY_SECONDS", 0.05)
    host, _, port = http.address.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/orders HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token_of('starter')}\r\n"
    writer.write(f"{head}content-length: 10\r\n\r\n{{".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_nobody_is_told_whether_a_path_exists(http: Opened) -> None:
    async with http.caller() as nobody:
        answers = [await nobody.get(path) for path in ("/v1/orders", "/v1/nothing", "/openapi.json")]
    assert [answer.status_code for answer in answers] == [401, 401, 401]


async def test_a_token_that_is_taken_away_opens_nothing_any_more(http: Opened) -> None:
    async with http.caller("viewer") as viewer:
        assert (await viewer.get("/v1/orders")).status_code == 200
        http.subjects.write_text(entry("somebody", "viewer"))
        while (await viewer.get("/v1/orders")).status_code == 200:
            pass
        assert (await viewer.get("/v1/orders")).json()["reason"] == "TOKEN_NOT_KNOWN"


async def test_several_tokens_are_none(http: Opened) -> None:
    token = ("authorization", f"Bearer {token_of('viewer')}")
    async with httpx2.AsyncClient(base_url=http.address) as client:
        answer = await client.get("/v1/orders", headers=[token, token])
    assert (answer.status_code, answer.json()["reason"]) == (401, "NO_TOKEN")


async def test_an_rpc_below_an_address_of_the_console_is_an_error_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.console.application.OPENAPI", "/sagas")
    with pytest.raises(DefinitionError, match="a page of the console is there"):
        async with opened(tmp_path):
            pass
