"""What every page of the console has: in a real browser, before real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.support.browser import NARROW, WIDE, looking, refuse_flaws

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.conftest import Running

PATHS = ("/", "/nowhere", "/sign-in")


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (WIDE, True), (NARROW, False), (NARROW, True)])
async def test_a_page_has_no_flaw_that_can_be_found(
    orchestrator: Running, browser: Browser, width: int, dark: bool
) -> None:
    async with looking(browser, orchestrator.console, width=width, dark=dark) as page:
        for path in PATHS:
            await page.goto(path)
            await refuse_flaws(page)


async def test_a_page_can_be_read_without_scripts(orchestrator: Running, browser: Browser) -> None:
    async with looking(browser, orchestrator.console, scripts=False) as page:
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        await expect(page.get_by_text("Pause")).to_have_count(0)


async def test_a_page_says_whether_it_is_live(orchestrator: Running, browser: Browser) -> None:
    """It follows the orchestrator over a kill -9, and rests when it is told to."""
    async with looking(browser, orchestrator.console, interrupted=True) as page:
        liveness = page.locator(".liveness")
        await expect(liveness).to_have_text("live")
        orchestrator.process.kill()
        await expect(liveness).to_have_text("connection lost, trying again")
        await orchestrator.start()
        await expect(liveness).to_have_text("live")
        await page.get_by_role("button", name="Pause").click()
        await expect(liveness).to_have_text("paused")
        await page.get_by_role("button", name="Go on").click()
        await expect(liveness).to_have_text("live")


async def test_an_open_page_does_not_hold_up_the_end_of_the_orchestrator(
    orchestrator: Running, browser: Browser
) -> None:
    async with looking(browser, orchestrator.console, interrupted=True) as page:
        await expect(page.locator(".liveness")).to_have_text("live")
        orchestrator.process.terminate()
        assert await orchestrator.process.ended() == 0
        assert not orchestrator.shop.complaints()


async def test_a_person_signs_in_with_a_token_by_keyboard_and_out_again(
    orchestrator: Running, browser: Browser
) -> None:
    async with looking(browser, orchestrator.console) as page:
        await page.get_by_role("button", name="Sign out").press("Enter")
        await page.wait_for_url("**/sign-in")
        await page.goto("/")
        await page.wait_for_url("**/sign-in?next=%2F")
        await page.keyboard.type("saga_of-nobody")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
