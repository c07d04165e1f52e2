"""The shop as real processes, and somebody who uses it in a real browser.

Whatever a test does, the browser's console must stay silent: no error, no warning, nothing that the policy forbids.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

from orchestrator.shop.demo.addresses import Addresses, settings_removed
from orchestrator.shop.demo.processes import Processes
from orchestrator.shop.demo.procfile import ORCHESTRATOR, SERVICES
from tests.support.tokens import TOKEN, keep_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

PATIENCE = 60
MILLISECONDS = PATIENCE * 1_000
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass(frozen=True)
class Shop:
    """The running shop.

    Attributes:
        orchestrator: its process, which may be killed.
    """

    addresses: Addresses
    orchestrator: Processes

    @property
    def url(self) -> str:
        """Of the console."""
        return f"http://{self.addresses.console}"

    def wait_until_up(self) -> None:
        async def serving() -> None:
            async with asyncio.timeout(PATIENCE):
                await self.orchestrator.serving([self.addresses.orchestrator])

        asyncio.run(serving())


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop, one for all tests of this folder, whose services make faults on purpose."""
    state, addresses = tmp_path_factory.mktemp("shop"), Addresses.free()
    settings = {"STATE_DIR": str(state), "SHOP_FAULTS": "true"}
    environment = settings_removed(os.environ) | addresses.environment | settings
    keep_token(state)
    log = state / "processes.log"
    with (
        Processes(environment, log, *SERVICES) as services,
        Processes(environment, log, ORCHESTRATOR) as orchestrator,
    ):
        services.start()
        orchestrator.start()
        shop = Shop(addresses, orchestrator)
        try:
            asyncio.run(services.serving(addresses.services.values()))
            shop.wait_until_up()
        except Exception as error:
            error.add_note(log.read_text())
            raise
        yield shop
        assert "Traceback" not in log.read_text(), log.read_text()


@dataclass
class Visitor:
    """Somebody who uses the shop, and what the browser complained of.

    Attributes:
        allowed: what the browser may complain of: a page that says why something is refused is an answer with a
            status of its own, and a connection to a process that was killed is refused.
    """

    shop: Shop
    browser: Browser
    page: Page
    complaints: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()

    async def go(self, path: str) -> None:
        await self.page.goto(self.shop.url + path)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def buy(self, *, cart: str = "", rehearsal: str = "", slow_motion: bool = False) -> str:
        """Buy something; the order's id."""
        await self.go(f"/shop?cart={cart}")
        await self.page.get_by_label("In slow motion").set_checked(slow_motion)
        if rehearsal:
            await self.press(rehearsal)
        else:
            await self.page.get_by_role("button", name="Buy", exact=True).click()
        await self.page.wait_for_url("**/shop/orders/*")
        return self.page.url.partition("/shop/orders/")[2].partition("?")[0]

    async def reads(self, headline: str) -> None:
        """The order says so, at last."""
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(headline, timeout=MILLISECONDS)

    def step(self, command: str) -> Locator:
        """The line of the order that is about this command."""
        return self.page.locator(".steps > li").filter(has=self.page.get_by_text(command, exact=True))

    async def undone(self) -> list[str]:
        return await self.page.locator(".undone li").all_inner_texts()

    async def flaws(self) -> list[str]:
        """What keeps people from using the page: what axe-core finds, and a page that is wider than its window."""
        found: Any = await Axe().run(self.page, options={**WCAG, "resultTypes": ["violations"]})
        wide = await self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        flaws = [f"{each['id']}: {node['html']}" for each in found.response["violations"] for node in each["nodes"]]
        return flaws + (["the page is wider than the window"] if wide else [])

    async def look(self, **options: Any) -> Page:  # noqa: ANN401 - Playwright's
        """A page in a browser of another kind; the same person."""
        context = await self.browser.new_context(**options)
        await signed_in(context, self.shop)
        page = await context.new_page()
        self.listen(page)
        return page

    def listen(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(each in message.text for each in self.allowed):
            self.complaints.append(f"{message.text} ({message.location['url']})")


async def signed_in(context: BrowserContext, shop: Shop, token: str = TOKEN) -> None:
    port = shop.addresses.console.rpartition(":")[2]
    await context.add_cookies([{"name": f"orchestrator-token-{port}", "value": token, "url": shop.url}])


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
async def visitor(shop: Shop, browser: Browser) -> AsyncIterator[Visitor]:
    context = await browser.new_context()
    await signed_in(context, shop)
    page = await context.new_page()
    visitor = Visitor(shop, browser, page)
    visitor.listen(page)
    yield visitor
    assert visitor.complaints == []
