"""Nobody sees a page unknown, and what a caller may not do is refused with the reason."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from orchestrator.access.sign_in_code import LIFE_SECONDS, sign_in_link
from tests.integration.console.conftest import form_token, opened
from tests.support.served import entry, token_of
from tests.support.tokens import TOKEN, keep_token

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.console.conftest import Opened


async def test_a_stranger_is_led_to_the_sign_in_and_from_there_to_the_page(console: Opened) -> None:
    async with console.visitor() as visitor:
        led = await visitor.get("/?of=today")
        assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=%2F%3Fof%3Dtoday")
        assert "Your token" in (await visitor.get(led.headers["location"])).text
        signed_in = await visitor.post("/sign-in", data={"token": token_of("viewer"), "next": "/?of=today"})
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/?of=today")
        page = await visitor.get("/?of=today")
    assert page.status_code == 200
    assert "viewer" in page.text


async def test_the_cookie_of_a_sign_in_is_for_no_script_and_no_other_site(console: Opened) -> None:
    async with console.visitor() as visitor:
        signed_in = await visitor.post("/sign-in", data={"token": token_of("viewer")})
    cookie = signed_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("token", ["", "saga_of-nobody", "two words", "ünknown"])
async def test_a_token_of_nobody_signs_nobody_in(console: Opened, token: str) -> None:
    async with console.visitor() as visitor:
        refused = await visitor.post("/sign-in", data={"token": token})
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert 'role="alert"' in refused.text


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"])
async def test_a_sign_in_leads_to_no_other_site(console: Opened, wanted: str) -> None:
    async with console.visitor() as visitor:
        signed_in = await visitor.post("/sign-in", data={"token": token_of("viewer"), "next": wanted})
    assert signed_in.headers["location"] == "/"


async def test_a_token_that_is_taken_away_opens_nothing_any_more(console: Opened) -> None:
    async with console.visitor("viewer") as visitor:
        assert (await visitor.get("/")).status_code == 200
        console.subjects.write_text(entry("admin"))
        deadline = time.monotonic() + 30
        while (await visitor.get("/")).status_code == 200:
            assert time.monotonic() < deadline, "the token is still good"
        assert (await visitor.get("/")).headers["location"].startswith("/sign-in")


async def test_who_has_signed_out_is_a_stranger(console: Opened) -> None:
    async with console.visitor() as visitor:
        await visitor.post("/sign-in", data={"token": token_of("viewer")})
        assert (await visitor.get("/")).status_code == 200
        await visitor.post("/sign-out")
        assert (await visitor.get("/")).status_code == 303


async def test_a_form_that_another_site_sends_is_refused(console: Opened) -> None:
    elsewhere = {"origin": "https://elsewhere.example"}
    async with console.visitor("admin") as visitor:
        for path in ("/sign-in", "/sign-out"):
            refused = await visitor.post(path, data={"token": token_of("viewer")}, headers=elsewhere)
            assert refused.status_code == 403
            assert "set-cookie" not in refused.headers


async def test_the_forms_of_two_callers_hold_different_tokens(console: Opened) -> None:
    async with console.visitor("admin") as ada, console.visitor("viewer") as grace:
        assert await form_token(ada) != await form_token(grace)
        assert await form_token(ada) == await form_token(ada)


async def test_every_answer_says_what_a_page_may_load_and_that_it_is_not_kept(console: Opened) -> None:
    async with console.visitor("viewer") as visitor:
        for path in ("/", "/nowhere", "/sign-in"):
            headers = (await visitor.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"


async def test_files_are_kept_for_ever_under_the_address_that_a_page_gives_them(console: Opened) -> None:
    async with console.visitor() as visitor:
        page = (await visitor.get("/sign-in")).text
        addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
        assert len(addresses) >= 5
        for address in addresses:
            file = await visitor.get(address)
            assert file.status_code == 200
            assert "immutable" in file.headers["cache-control"]


async def test_a_page_that_does_not_exist_says_so(console: Opened) -> None:
    async with console.visitor("viewer") as visitor:
        missing = await visitor.get("/nowhere")
    assert missing.status_code == 404
    assert "There is no such page" in missing.text


async def test_a_link_of_the_command_line_signs_in_the_local_operator_until_it_expires(tmp_path: Path) -> None:
    keep_token(tmp_path)
    async with opened(tmp_path, alone=True) as console, console.visitor() as visitor:
        where = urlsplit(console.address).netloc
        late = sign_in_link(where, TOKEN, time.time_ns() - LIFE_SECONDS * 1_000_000_000)
        refused = await visitor.get(late)
        assert refused.status_code == 403
        assert "The link has expired" in refused.text
        link = sign_in_link(where, TOKEN, time.time_ns(), page="/?of=today")
        assert TOKEN not in link
        assert 'href="/?of=today"' in (await visitor.get(link)).text
        assert (await visitor.get("/")).status_code == 200


async def test_a_link_signs_nobody_in_where_everybody_has_a_token_of_their_own(console: Opened) -> None:
    link = sign_in_link(urlsplit(console.address).netloc, token_of("admin"), time.time_ns())
    async with console.visitor() as visitor:
        refused = await visitor.get(link)
        assert refused.status_code == 403
        assert (await visitor.get("/")).status_code == 303
