"""The system's Chromium, driven as a person would, and what must be so on every page."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from orchestrator.access.sign_in_code import sign_in_link
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NARROW: Final = 360
WIDE: Final = 1280

# What the browser itself tells of an answer that a test has asked for.
_TOLD_OF_ANSWERS: Final = "Failed to load resource: the server responded with a status of"
_TOLD_OF_CONNECTIONS: Final = "net::ERR_"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium; the test is skipped, visibly, where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def looking(
    browser: Browser,
    address: str,
    *,
    width: int = WIDE,
    dark: bool = False,
    scripts: bool = True,
    token: str = TOKEN,
    interrupted: bool = False,
) -> AsyncIterator[Page]:
    """A page of the console at ``host:port``, signed in; where something in it fails, the test does.

    Args:
        browser: see :func:`chromium`.
        address: of the console.
        width: of the window, in pixels.
        dark: whether the person likes dark pages.
        scripts: whether the browser runs scripts.
        token: of the person; the local operator's by default.
        interrupted: the orchestrator goes away while the page is open, of which the browser tells.
    """
    context = await browser.new_context(
        base_url=f"http://{address}",
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        expected = message.text.startswith(_TOLD_OF_ANSWERS) or (interrupted and _TOLD_OF_CONNECTIONS in message.text)
        if message.type in {"error", "warning"} and not expected:
            complaints.append(f"{message.type}: {message.text}")

    page = await context.new_page()
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(30_000)
    try:
        await _sign_in(context, page, address, token)
        yield page
    finally:
        await context.close()
    assert not complaints, complaints


async def _sign_in(context: BrowserContext, page: Page, address: str, token: str) -> None:
    if token == TOKEN:
        await page.goto(sign_in_link(address, token, time.time_ns()))
        await page.wait_for_url(f"http://{address}/")
        return
    name = f"orchestrator-token-{address.rpartition(':')[2]}"
    await context.add_cookies([{"name": name, "value": token, "url": f"http://{address}"}])


async def refuse_flaws(page: Page) -> None:
    """A page that axe-core has nothing to say about, and that is as wide as the window.

    Raises:
        AssertionError: it has, or it is not.
    """
    found = await Axe().run(page)
    flaws = [
        f"{each['id']}: {each['help']}: {json.dumps([node['target'] for node in each['nodes']])}"
        for each in found.response["violations"]
    ]
    assert flaws == [], f"{page.url}: {flaws}"
    beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert beyond == 0, f"{page.url} is {beyond} pixels wider than the window"
