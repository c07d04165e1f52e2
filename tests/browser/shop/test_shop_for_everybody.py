"""The shop's pages are for everybody: by keyboard, with a screen reader, on a telephone, in the dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.support.browser import NARROW, WIDE, looking, refuse_flaws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.async_api import Browser

    from tests.browser.conftest import Running
    from tests.browser.shop.conftest import Visitor

WINDOWS = [(WIDE, False), (WIDE, True), (NARROW, False), (NARROW, True)]
SAID = {
    "": "Your order is received",
    "Declined card": "Nothing was bought",
    "Needs approval": "Your order waits for a yes",
    "Needs a person": "Somebody of the shop looks after your order",
}


@pytest.mark.parametrize(("width", "dark"), WINDOWS)
async def test_the_shop_has_no_flaw_in_any_window(shop: Running, browser: Browser, width: int, dark: bool) -> None:
    await refuse_flaws_of(shop, browser, ["/shop", "/shop?cart=MUG-BLUE.2 TEE-M.1"], width, dark=dark)


@pytest.mark.parametrize("rehearsal", SAID)
async def test_an_order_has_no_flaw_in_any_window(visitor: Visitor, browser: Browser, rehearsal: str) -> None:
    await visitor.buy(rehearsal=rehearsal)
    await visitor.reads(SAID[rehearsal])
    for width, dark in WINDOWS:
        await refuse_flaws_of(visitor.shop, browser, [visitor.page.url], width, dark=dark)


async def test_the_orders_by_day_have_no_flaw_in_any_window(visitor: Visitor, browser: Browser) -> None:
    for rehearsal in ("Declined card", "Refused shipment"):  # the piano has the longest name
        await visitor.buy(rehearsal=rehearsal)
        await visitor.reads("Nothing was bought")
    for width, dark in WINDOWS:
        pages = [f"/shop/days?days={length}" for length in (7, 90)]
        await refuse_flaws_of(visitor.shop, browser, pages, width, dark=dark)


async def refuse_flaws_of(shop: Running, browser: Browser, pages: Sequence[str], width: int, *, dark: bool) -> None:
    async with looking(browser, shop.console, width=width, dark=dark) as page:
        for each in pages:
            answer = await page.goto(each)
            assert answer is not None
            assert answer.ok, each
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await refuse_flaws(page)


async def test_somebody_buys_with_the_keyboard_alone(visitor: Visitor) -> None:
    page, keys = visitor.page, visitor.page.keyboard
    await page.goto("/shop")
    for name in ("Add to the cart: Blue mug", "Declined card"):
        await reach(visitor, name)
        async with page.expect_navigation():
            await keys.press("Enter")
    await visitor.reads("Nothing was bought")


async def reach(visitor: Visitor, name: str) -> None:
    """Press Tab until this is in focus, and can be seen to be."""
    for _ in range(60):
        await visitor.page.keyboard.press("Tab")
        focused = visitor.page.locator(":focus-visible")
        label = await focused.get_attribute("aria-label") or await focused.inner_text()
        if label.startswith(name):
            return
    pytest.fail(f"{name} is not reached with Tab")
