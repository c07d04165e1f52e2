"""The shop's pages are for everybody: by keyboard, with a screen reader, on a telephone, in the dark, for a viewer."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import expect

from tests.browser.shop.conftest import MILLISECONDS, Visitor

WINDOWS: list[tuple[Literal["light", "dark"], int]] = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]
PAGES = {
    "front": ("/shop?cart=MUG-BLUE.2%20TEE-M.1", ""),
    "empty": ("/shop", ""),
    "received": ("", "Buy"),
    "gone": ("", "Declined card"),
    "waits": ("", "Needs approval"),
    "stopped": ("", "Needs a person"),
}
SAID = {
    "received": "Your order is received",
    "gone": "Nothing was bought",
    "waits": "Your order waits for a yes",
    "stopped": "Somebody of the shop looks after your order",
}


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_has_no_flaw_in_any_window(visitor: Visitor, name: str) -> None:
    path, rehearsal = PAGES[name]
    if rehearsal:
        await visitor.buy(rehearsal="" if rehearsal == "Buy" else rehearsal)
        await visitor.reads(SAID[name])
        path = visitor.page.url.removeprefix(visitor.shop.url)
    flaws: list[str] = []
    for scheme, width in WINDOWS:
        flaws += [f"{scheme} {width}: {flaw}" for flaw in await flaws_in(visitor, path, scheme, width)]
    assert flaws == []


async def flaws_in(visitor: Visitor, path: str, scheme: Literal["light", "dark"], width: int) -> list[str]:
    page = await visitor.look(color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    await page.goto(visitor.shop.url + path)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    return await Visitor(visitor.shop, visitor.browser, page).flaws()


async def test_somebody_buys_with_the_keyboard_alone(visitor: Visitor) -> None:
    page, keys = visitor.page, visitor.page.keyboard
    await visitor.go("/shop")
    for name in ("Add to the cart: Blue mug", "Declined card"):
        for _ in range(60):
            await keys.press("Tab")
            if await page.evaluate("document.activeElement.matches(':focus-visible')"):
                label = await page.evaluate(
                    "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
                )
                if label.startswith(name):
                    break
        else:
            pytest.fail(f"{name} is not reached with Tab")
        async with page.expect_navigation():
            await keys.press("Enter")
    await visitor.reads("Nothing was bought")


async def test_the_pages_are_there_for_somebody_who_wants_no_motion(visitor: Visitor) -> None:
    page = await visitor.look(reduced_motion="reduce")
    await page.goto(f"{visitor.shop.url}/shop")
    assert await page.locator(".p-steam").first.evaluate("each => getComputedStyle(each).animationName") == "none"
    await page.get_by_role("button", name="Buy", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your order is received", timeout=MILLISECONDS)
