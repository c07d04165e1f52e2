"""Somebody who uses the shop in a real browser, before real processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Running
from tests.crash.processes import PATIENCE_SECONDS, free_addresses
from tests.support.browser import looking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser, Locator, Page

    from tests.crash.shop import Shop

MILLISECONDS = PATIENCE_SECONDS * 1_000


@pytest.fixture(scope="package")
def once(running_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An orchestrator with its console, one for all tests of this folder."""
    (console,) = free_addresses(1)
    process = running_shop.orchestrator(tmp_path_factory.mktemp("orchestrator"), console_listen=console)
    running = Running(process, console, running_shop)
    asyncio.run(running.start())
    yield running
    process.end()
    assert not running_shop.complaints()


@pytest.fixture
async def shop(once: Running) -> Running:
    """That one, which runs: tests of other folders end all that there are, and may come between."""
    if not once.process.running:
        await once.start()
    return once


@dataclass(frozen=True)
class Visitor:
    """Somebody who uses the shop.

    Attributes:
        shop: with the orchestrator, which may be killed.
        page: in their browser.
    """

    shop: Running
    page: Page

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def buy(self, *, cart: str = "", rehearsal: str = "", slow_motion: bool = False) -> str:
        """Buy something; the order's id."""
        await self.page.goto(f"/shop?cart={cart}")
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


@pytest.fixture
async def visitor(shop: Running, browser: Browser) -> AsyncIterator[Visitor]:
    async with looking(browser, shop.console) as page:
        yield Visitor(shop, page)
