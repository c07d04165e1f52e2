"""``make screenshots``: the pictures of the README, taken of real processes by a real browser.

They show the shop, an order that was rolled back, and the desk with what waits for a person.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.async_api import expect

from saga.v1 import saga_pb2
from tests.browser.conftest import Running
from tests.browser.orders import DEAR, DECLINED, orders_of
from tests.crash.processes import free_addresses
from tests.crash.shop import Shop
from tests.support.browser import chromium, looking
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.orders import Orders

PICTURES: Final = ROOT / "orchestrator" / "console" / "pictures"
_WIDTH: Final = 1200
_HEIGHT: Final = 820
_HEAVY: Final = ("CHAIR-OAK", 40)
"""What no carrier takes: the order is rolled back after its payment was authorised."""


async def _stories(orders: Orders) -> str:
    """Orders of every kind; the id of one that was rolled back."""
    await orders.to_their_ends("tok_visa", "tok_visa", DECLINED)
    rolled_back = await orders.place(line=_HEAVY)
    await orders.until(rolled_back, lambda saga: saga.HasField("ended_at"))
    waiting = await orders.place(line=DEAR, customer="grace")
    await orders.until(waiting, lambda saga: saga.status == saga_pb2.STATUS_WAITING)
    for customer in ("ada", "bob"):
        await orders.paused_in_doubt(customer)
    return rolled_back


async def _take(page: Page, name: str, path: str, wanted: str) -> None:
    """The beginning of a page."""
    await page.goto(path)
    await expect(page.get_by_role("heading", name=wanted)).to_be_visible()
    await page.screenshot(path=PICTURES / f"{name}.png", clip={"x": 0, "y": 0, "width": _WIDTH, "height": _HEIGHT})


async def _take_part(page: Page, name: str, path: str, wanted: str) -> None:
    """The part of a page that has this heading."""
    await page.goto(path)
    part = page.locator("section").filter(has=page.get_by_role("heading", name=wanted, exact=True))
    await page.get_by_role("button", name="Pause").click()  # so that it is not exchanged in the middle
    await part.screenshot(path=PICTURES / f"{name}.png")


async def _photograph(folder: Path) -> None:
    (console,) = free_addresses(1)
    with Shop(folder, traced=False, faults=True) as shop:
        await shop.open()
        process = shop.orchestrator(folder / "orchestrator", console_listen=console)
        running = Running(process, console, shop)
        await running.start()
        async with orders_of(running) as orders:
            rolled_back = await _stories(orders)
        async with chromium() as browser, looking(browser, console, width=_WIDTH) as page:
            await _take(page, "shop", "/shop", "The shop")
            await _take_part(page, "rollback", f"/sagas/{rolled_back}", "Steps")
            await _take(page, "desk", "/desk", "Desk")


def main() -> int:
    """Take the pictures; the exit code."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_photograph(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
