"""An order, from Buy to its end."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from playwright.async_api import expect

from orchestrator.access.sign_in_code import sign_in_link
from tests.browser.shop.conftest import MILLISECONDS, Visitor
from tests.support.browser import looking
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from playwright.async_api import Browser, Request

    from tests.browser.conftest import Running

SEND = """async () => {
  const form = new URLSearchParams(new FormData(document.querySelector("form[action='/shop/orders']")));
  return (await fetch("/shop/orders", { method: "POST", body: form })).url;
}"""


async def test_two_clicks_lead_from_the_link_that_make_run_prints_to_a_rollback(
    shop: Running, browser: Browser
) -> None:
    stranger = await (await browser.new_context()).new_page()
    await stranger.goto(sign_in_link(shop.console, TOKEN, time.time_ns(), page="/shop"))  # the first click
    await stranger.get_by_role("button", name="Declined card").click()  # the second one
    heading = stranger.get_by_role("heading", level=1)
    await expect(heading).to_have_text("Nothing was bought", timeout=MILLISECONDS)
    await expect(stranger.locator(".undone li")).to_have_count(2)


async def test_an_order_arrives_step_by_step_until_it_is_received(visitor: Visitor) -> None:
    order_id = await visitor.buy(cart="MUG-BLUE.2", slow_motion=True)
    await expect(visitor.step("CreateOrder")).to_have_class("completed", timeout=MILLISECONDS)
    assert await visitor.step("CapturePayment").get_attribute("class") in {"not-begun", "in-progress"}
    await visitor.reads("Your order is received")
    await expect(visitor.step("CapturePayment")).to_contain_text("You have paid € 22.61")
    await expect(visitor.page.locator(".receipt")).to_contain_text("€ 22.61")
    link = visitor.page.get_by_role("link", name="The saga in the console")
    assert await link.get_attribute("href") == f"/sagas/{order_id}"


async def test_an_order_is_followed_to_its_end_while_the_orchestrator_is_killed_and_started_again(
    shop: Running, browser: Browser
) -> None:
    async with looking(browser, shop.console, interrupted=True) as page:
        visitor = Visitor(shop, page)
        asked: list[Request] = []
        page.on("request", lambda request: asked.append(request) if "/shop/orders/" in request.url else None)
        await visitor.buy(slow_motion=True)
        await expect(visitor.step("ReserveStock")).to_have_class("completed", timeout=MILLISECONDS)
        await page.evaluate("window.here = 'the page is the same one'")
        shop.process.kill()
        await shop.start()
        await visitor.reads("Your order is received")
        assert await page.evaluate("window.here") == "the page is the same one"
        headers = [await request.all_headers() for request in asked]
        streams = [each for each in headers if each.get("accept") == "text/event-stream"]
        assert len(streams) > 1
        assert streams[-1].get("last-event-id")  # it is sent only what it does not have


async def test_a_customer_cancels_and_reads_what_that_did(visitor: Visitor) -> None:
    await visitor.buy(slow_motion=True)
    await expect(visitor.step("ReserveStock")).to_have_class("completed", timeout=MILLISECONDS)
    await visitor.press("Cancel the order")
    await visitor.reads("Nothing was bought")
    await expect(visitor.page.locator(".said")).to_contain_text("You cancelled the order.")
    undone = await visitor.undone()
    assert undone[-2:] == ["It is back on the shelf", "Your order is struck from the book"]
    await expect(visitor.page.get_by_role("button", name="Cancel the order")).to_have_count(0)


async def test_an_order_whose_payment_is_taken_cannot_be_cancelled_and_says_why(visitor: Visitor) -> None:
    await visitor.buy(rehearsal="Needs a person")
    await visitor.reads("Somebody of the shop looks after your order")
    await expect(visitor.page.get_by_role("button", name="Cancel the order")).to_be_disabled()
    await expect(visitor.page.locator(".acts")).to_contain_text("From here on, the order only goes forward.")


async def test_the_same_form_sent_twice_places_one_order(visitor: Visitor) -> None:
    await visitor.page.goto("/shop?cart=MUG-BLUE.1")
    first, second = await visitor.page.evaluate(SEND), await visitor.page.evaluate(SEND)
    assert "/shop/orders/" in first
    assert first == second


async def test_a_cart_is_filled_and_emptied_and_what_is_in_it_is_bought(visitor: Visitor) -> None:
    page = visitor.page
    await page.goto("/shop")
    await page.get_by_role("link", name="Add to the cart: Desk lamp").click()
    await page.get_by_role("link", name="Add to the cart: Oak chair").click()
    await page.get_by_role("link", name="One more: Desk lamp").click()
    await page.get_by_role("link", name="One less: Oak chair").click()
    await expect(page.locator(".lines li")).to_have_count(1)
    await expect(page.locator(".sum")).to_contain_text("€ 118.00")
    await page.get_by_label("In slow motion").set_checked(False)
    await page.get_by_role("button", name="Buy", exact=True).click()
    await visitor.reads("Your order is received")
    await expect(page.locator(".said")).to_contain_text("Desk lamp")


async def test_an_order_can_be_placed_and_followed_without_scripts(shop: Running, browser: Browser) -> None:
    async with looking(browser, shop.console, scripts=False) as page:
        await Visitor(shop, page).buy(cart="BOOK-SAGA.1")
        async with asyncio.timeout(MILLISECONDS / 1000):
            while await page.get_by_text("Your order is received").count() == 0:
                await page.get_by_role("link", name="Load the page again").click()
        await expect(page.locator(".said")).to_contain_text("Sagas, explained")
