"""The overview, the list of sagas, bulk acts, definitions and schedules, in a real browser before real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.orders import DECLINED, orders_of
from tests.support.browser import NARROW, WIDE, looking, refuse_flaws

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.conftest import Running

PATHS = (
    "/",
    "/?period=quarter",
    "/sagas",
    "/sagas?status=compensated&command=AuthorizePayment&reason=declined",
    "/sagas?status=asleep",
    "/bulk",
    "/definitions",
    "/definitions/place_order/2?verify=now",
    "/schedules",
)


async def placed(orchestrator: Running, *cards: str) -> list[str]:
    """An order for each of these cards, which has ended; their ids."""
    async with orders_of(orchestrator) as orders:
        return await orders.to_their_ends(*cards)


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (WIDE, True), (NARROW, False), (NARROW, True)])
async def test_the_pages_have_no_flaw_that_can_be_found(
    orchestrator: Running, browser: Browser, width: int, dark: bool
) -> None:
    await placed(orchestrator, "tok_visa", DECLINED)
    async with looking(browser, orchestrator.console, width=width, dark=dark) as page:
        for path in PATHS:
            await page.goto(path)
            await refuse_flaws(page)


async def test_the_list_follows_what_happens_while_somebody_looks(orchestrator: Running, browser: Browser) -> None:
    """And it goes on after a kill -9, without being loaded again."""
    async with looking(browser, orchestrator.console, interrupted=True) as page:
        await page.goto("/sagas?status=completed")
        await expect(page.get_by_text("No saga matches.")).to_be_visible()
        await expect(page.locator(".liveness")).to_have_text("live")
        (first,) = await placed(orchestrator, "tok_visa")
        await expect(page.locator(f'a[href="/sagas/{first}"]')).to_be_visible()
        orchestrator.process.kill()
        await orchestrator.start()
        (second,) = await placed(orchestrator, "tok_visa")
        await expect(page.locator(f'a[href="/sagas/{second}"]')).to_be_visible()


async def test_the_focus_stays_where_it_is_when_the_list_changes(orchestrator: Running, browser: Browser) -> None:
    (first,) = await placed(orchestrator, "tok_visa")
    async with looking(browser, orchestrator.console) as page:
        await page.goto("/sagas")
        link = page.locator(f'a[href="/sagas/{first}"]')
        await link.focus()
        (second,) = await placed(orchestrator, "tok_visa")
        await expect(page.locator(f'a[href="/sagas/{second}"]')).to_be_visible()
        await expect(link).to_be_focused()


async def test_the_filter_finds_what_failed_and_stands_in_the_address(orchestrator: Running, browser: Browser) -> None:
    paid, declined = await placed(orchestrator, "tok_visa", DECLINED)
    async with looking(browser, orchestrator.console) as page:
        await page.goto("/sagas")
        await page.get_by_text("Version, time, and why they failed").click()
        await page.get_by_label("Text of the reason").fill("DECLINED")
        await page.get_by_role("button", name="Find").press("Enter")
        await page.wait_for_url("**reason=DECLINED**")
        await expect(page.locator(f'a[href="/sagas/{declined}"]')).to_be_visible()
        await expect(page.locator(f'a[href="/sagas/{paid}"]')).to_have_count(0)
        await expect(page.get_by_label("Text of the reason")).to_have_value("DECLINED")


async def test_the_figures_are_drawn_and_stand_in_a_table(orchestrator: Running, browser: Browser) -> None:
    await placed(orchestrator, "tok_visa", DECLINED)
    async with looking(browser, orchestrator.console) as page:
        await page.goto("/")
        await expect(page.locator("figure.chart canvas")).to_have_count(2)
        await page.get_by_text("Sagas by the minute, as a table").click()
        row = page.get_by_role("region", name="Sagas by the minute").get_by_role("row").nth(1)
        await expect(row).to_contain_text("1")
    async with looking(browser, orchestrator.console, scripts=False) as page:
        await page.goto("/")
        await expect(page.locator("canvas")).to_have_count(0)
        await page.get_by_text("Sagas by the minute, as a table").click()
        await expect(page.get_by_role("region", name="Sagas by the minute")).to_be_visible()


async def test_an_operator_cancels_all_that_match_from_the_page_alone(orchestrator: Running, browser: Browser) -> None:
    orchestrator.shop.services["inventory"].freeze()
    try:
        async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
            for _ in range(3):
                await orders.place()
            await page.goto("/sagas?status=running")
            await page.get_by_role("button", name="Dry run").click()
            await page.get_by_label("Why").fill("the shelves are locked")
            await page.get_by_role("button", name="Cancel 3 sagas").click()
            await expect(page.get_by_text("3 done", exact=True)).to_be_visible()
            orchestrator.shop.services["inventory"].thaw()
            await refuse_flaws(page)
            await page.goto("/sagas?status=compensated&reason=shelves")
            await expect(page.locator("tbody tr")).to_have_count(3)
    finally:
        orchestrator.shop.services["inventory"].thaw()
