"""How the console is served: its address, its certificate."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from orchestrator.api.over_http.context import CERTIFICATE
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.console.handshakes import ConsoleTls
from orchestrator.console.live import Live
from orchestrator.console.server import ConsoleServer, names_in
from orchestrator.errors import SettingsError
from tests.support.certificate_files import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from tests.support.certificate_files import Files


async def told(request: Request) -> JSONResponse:
    return JSONResponse([request.url.scheme, *request.scope.get(CERTIFICATE, ())])


def serving(tls: ConsoleTls | None = None, listen: str = "127.0.0.1:0", *, shared: bool = False) -> ConsoleServer:
    return ConsoleServer(Starlette(routes=[Route("/", told)]), Live(SystemClock()), listen, tls, shared=shared)


async def asked(address: str, theirs: Files | None, authority: Path) -> Any:  # noqa: ANN401 - what the page says
    context = ssl.create_default_context(cafile=authority)
    if theirs is not None:
        context.load_cert_chain(theirs.certificate, theirs.key)
    async with httpx2.AsyncClient(verify=context) as client:
        return (await client.get(f"{address.replace('127.0.0.1', 'localhost')}/")).json()


async def test_a_port_that_is_taken_is_an_error_that_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match="is in use; set ORCHESTRATOR_CONSOLE_LISTEN to another host:port"):
            await serving(listen=listen).start()


async def test_replicas_share_a_port() -> None:
    one = serving(shared=True)
    other = serving(listen=one.address.removeprefix("http://"), shared=True)
    await one.start()
    await other.start()
    await one.drain(5)
    async with httpx2.AsyncClient() as client:
        assert (await client.get(one.address)).json() == ["http"]
    await other.drain(5)


async def test_a_browser_that_shows_a_certificate_is_known_by_the_names_in_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    ours, theirs = authority.issue("localhost"), authority.issue("ada.example")
    server = serving(ConsoleTls(ours.certificate, ours.key, ours.ca))
    await server.start()
    assert server.address.startswith("https://")
    assert await asked(server.address, theirs, ours.ca) == ["https", "ada.example"]
    with pytest.raises(httpx2.TransportError):
        await asked(server.address, None, ours.ca)
    await server.drain(5)


async def test_a_certificate_is_exchanged_while_the_console_runs(tmp_path: Path) -> None:
    first, second = Authority(tmp_path / "first"), Authority(tmp_path / "second")
    ours = first.issue("localhost", into="ours")
    before = tmp_path / "before.pem"
    before.write_bytes(first.pem())
    server = serving(ConsoleTls(ours.certificate, ours.key))
    await server.start()
    assert await asked(server.address, None, before) == ["https"]
    new = second.issue("localhost", into="ours")
    new.key.replace(ours.key)
    new.certificate.replace(ours.certificate)
    assert await asked(server.address, None, new.ca) == ["https"]
    with pytest.raises(httpx2.TransportError):
        await asked(server.address, None, before)
    await server.drain(5)


def test_a_certificate_that_cannot_be_used_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    with pytest.raises(SettingsError, match="ORCHESTRATOR_TLS_CERTIFICATE"):
        ConsoleTls(tmp_path / "empty.pem", tmp_path / "empty.pem")


def test_the_common_name_counts_only_where_there_are_no_alternative_names() -> None:
    subject = ((("commonName", "anybody"),),)
    alternative = (("URI", "spiffe://acme.example/checkout"), ("DNS", "checkout"))
    assert names_in({"subject": subject}) == ("anybody",)
    assert names_in(cast("Any", {"subject": subject, "subjectAltName": alternative})) == (
        "spiffe://acme.example/checkout",
        "checkout",
    )
