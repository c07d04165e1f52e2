"""What a person does to a saga from its page, in a real browser, before real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from saga.v1 import saga_pb2
from tests.browser.orders import DEAR, orders_of
from tests.support.browser import NARROW, WIDE, looking, refuse_flaws

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from tests.browser.conftest import Running

WHY = "a customer has called"


async def say_why(page: Page, button: str, *, label: str = "Why, in a sentence") -> None:
    """Fill in the form of an act, and send it."""
    await page.get_by_label(label).first.fill(WHY)
    await page.get_by_role("button", name=button, exact=True).first.click()


async def stands(page: Page, status: str) -> None:
    """Wait until the page says that the saga stands there."""
    await expect(page.get_by_role("heading", name=status, exact=True)).to_be_visible()


async def test_a_saga_is_cancelled_after_its_rollback_was_shown(orchestrator: Running, browser: Browser) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.place(line=DEAR)
        await page.goto(f"/sagas/{order_id}")
        await page.get_by_role("link", name="Cancel…").click()
        await expect(page.get_by_role("heading", name="What it would compensate now, in this order")).to_be_visible()
        await expect(page.get_by_role("listitem").filter(has_text="ReserveStock by ReleaseStock")).to_be_visible()
        await say_why(page, "Cancel")
        await page.wait_for_url(f"**/sagas/{order_id}")
        await stands(page, "compensated")
        await expect(page.locator(".rollback .compensation.done")).to_have_count(2)


async def test_a_saga_is_paused_and_resumed(orchestrator: Running, browser: Browser) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.place(line=DEAR)
        await page.goto(f"/sagas/{order_id}")
        await page.get_by_role("link", name="Pause", exact=True).click()
        await say_why(page, "Pause")
        await stands(page, "suspended")
        await page.get_by_role("link", name="Resume", exact=True).click()
        await say_why(page, "Resume")
        await stands(page, "waiting")


@pytest.mark.parametrize(("button", "ends"), [("Approve", "completed"), ("Reject", "compensated")])
async def test_a_saga_that_waits_for_an_approval_is_answered_from_the_desk(
    orchestrator: Running, browser: Browser, button: str, ends: str
) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.place(line=DEAR)
        await orders.until(order_id, lambda saga: saga.status == saga_pb2.STATUS_WAITING)
        await page.goto("/desk")
        await page.get_by_role("row", name=order_id).get_by_role("link", name=button).click()
        await say_why(page, button)
        await page.wait_for_url(f"**/sagas/{order_id}")
        await stands(page, ends)


async def test_an_attempt_is_made_at_once_where_its_participant_was_away(
    orchestrator: Running, browser: Browser
) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        orchestrator.shop.services["payment"].kill()
        order_id = await orders.place()
        await page.goto(f"/sagas/{order_id}")
        await page.get_by_role("link", name="Retry now").click()
        await page.get_by_label("Why, in a sentence").fill(WHY)
        await orchestrator.shop.services["payment"].restart()
        await page.get_by_role("button", name="Retry now").click()
        await page.goto(f"/sagas/{order_id}")
        await stands(page, "completed")


async def test_a_suspended_order_is_ended_correctly_from_the_page_alone(
    orchestrator: Running, browser: Browser
) -> None:
    """The participant says that the payment took effect: the form holds its reply, and the order goes on with it."""
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.paused_in_doubt()
        await page.goto("/")
        await page.get_by_role("link", name="Desk").click()
        await page.get_by_role("link", name=order_id).click()
        await expect(page.get_by_text("PaymentService.GetPayment says: it took effect")).to_be_visible()
        await expect(page.get_by_text('"card_token": "[redacted]"')).to_be_visible()
        decision = page.get_by_role("group", name="PaymentService.AuthorizePayment took effect")
        await decision.get_by_label("How you know").fill("the payment service says so")
        await decision.get_by_role("button").click()
        await page.wait_for_url(f"**/sagas/{order_id}")
        await stands(page, "completed")
        await expect(page.get_by_text("took effect, by root: RESOLVED: the payment service says so")).to_be_visible()


async def test_a_command_that_had_no_effect_leads_back(orchestrator: Running, browser: Browser) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.paused_in_doubt()
        await page.goto(f"/case/{order_id}")
        decision = page.get_by_role("group", name="PaymentService.AuthorizePayment had no effect")
        await decision.get_by_label("How you know").fill("the bank has none")
        await decision.get_by_role("button").click()
        await stands(page, "compensated")


@pytest.mark.parametrize(
    ("decision", "ends"),
    [
        ("Let the effect of InventoryService.ReserveStock stand", "partially compensated"),
        ("InventoryService.ReserveStock was taken back by other means", "compensated"),
    ],
)
async def test_an_effect_that_cannot_be_taken_back_is_decided_about(
    orchestrator: Running, browser: Browser, decision: str, ends: str
) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.place(line=DEAR)
        await orders.until(order_id, lambda saga: saga.status == saga_pb2.STATUS_WAITING)
        orchestrator.shop.services["inventory"].kill()
        await page.goto(f"/acts/cancel?saga={order_id}")
        await say_why(page, "Cancel")
        await orders.until(order_id, lambda saga: any(step.compensation.attempts for step in saga.steps))
        await page.goto(f"/acts/pause?saga={order_id}")
        await say_why(page, "Pause")
        await page.goto(f"/case/{order_id}")
        form = page.get_by_role("group", name=decision)
        await form.get_by_label("How you know").fill("counted by hand")
        await form.get_by_role("button").click()
        await page.goto(f"/sagas/{order_id}")
        await stands(page, ends)


async def test_all_sagas_of_a_cause_are_resumed_by_a_bulk_act(orchestrator: Running, browser: Browser) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        paused = [await orders.paused_in_doubt() for _ in range(3)]
        await page.goto("/desk")
        await page.get_by_role("link", name="See and decide all 3").click()
        await page.get_by_role("button", name="Resume: all 3…").click()
        start = page.get_by_role("button", name="Resume 3 sagas")
        await expect(start).to_be_enabled()
        await page.get_by_label("Why").fill("the bank is well again")
        await start.click()
        for order_id in paused:
            await orders.until(order_id, lambda saga: saga.status == saga_pb2.STATUS_COMPLETED)
        await page.goto("/desk")
        await expect(page.get_by_text("Nothing waits for a person.")).to_be_visible()


async def test_the_same_is_said_of_a_command_of_all_sagas_of_a_cause(orchestrator: Running, browser: Browser) -> None:
    """Unless they are not those that were shown."""
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        paused = [await orders.paused_in_doubt()]
        await page.goto("/desk")
        await page.get_by_role("link", name="Decide for this cause").click()
        paused.append(await orders.paused_in_doubt())
        form = page.get_by_role("group", name="PaymentService.AuthorizePayment had no effect")
        await form.get_by_label("How you know").fill("the bank has none")
        await form.get_by_role("button").click()
        await expect(page.get_by_text("you were shown 1, and there are 2 now")).to_be_visible()

        await page.goto("/desk")
        await page.get_by_role("link", name="See and decide all 2").click()
        await form.get_by_label("How you know").fill("the bank has none")
        await form.get_by_role("button").click()
        await expect(page.get_by_role("heading", name="2 decided, 0 refused")).to_be_visible()
        for order_id in paused:
            await orders.until(order_id, lambda saga: saga.status == saga_pb2.STATUS_COMPENSATED)


async def test_what_cannot_be_done_says_why_not(orchestrator: Running, browser: Browser) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.place()
        await orders.until(order_id, lambda saga: saga.status == saga_pb2.STATUS_COMPLETED)
        await page.goto(f"/sagas/{order_id}")
        await page.get_by_text("What cannot be done now, and why").click()
        refused = page.get_by_role("listitem").filter(has_text="saga").or_(page.locator(".act-list li"))
        await expect(refused.filter(has_text="it has completed")).to_have_count(1)
        await page.goto(f"/acts/cancel?saga={order_id}")
        await expect(page.get_by_role("alert")).to_contain_text("It cannot be done: it has completed")


async def test_a_page_of_a_saga_follows_it_while_it_goes_on(orchestrator: Running, browser: Browser) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.place(line=DEAR)
        await orders.until(order_id, lambda saga: saga.status == saga_pb2.STATUS_WAITING)
        await page.goto(f"/sagas/{order_id}")
        await stands(page, "waiting")
        await expect(page.locator(".liveness")).to_have_text("live")
        await orders.approve(order_id)
        await stands(page, "completed")
        await expect(page.locator(".pivot-line.passed")).to_be_visible()


async def test_the_journal_is_filtered_by_its_address_and_shows_no_card(
    orchestrator: Running, browser: Browser
) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.place("tok_declined")
        await orders.until(order_id, lambda saga: saga.status == saga_pb2.STATUS_COMPENSATED)
        await page.goto(f"/sagas/{order_id}")
        await page.get_by_label("Entries").select_option("failures")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.wait_for_url(f"**/sagas/{order_id}?entries=failures&text=*")
        await expect(page.get_by_role("row").filter(has_text="CARD_DECLINED")).to_have_count(1)
        await expect(page.get_by_role("row").filter(has_text="CommandCompleted")).to_have_count(0)
        await page.goto(f"/sagas/{order_id}?text=authorizepayment")
        assert "tok_declined" not in await page.content()


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (WIDE, True), (NARROW, False), (NARROW, True)])
async def test_the_pages_of_a_saga_have_no_flaw_that_can_be_found(
    orchestrator: Running, browser: Browser, width: int, dark: bool
) -> None:
    async with (
        orders_of(orchestrator) as orders,
        looking(browser, orchestrator.console, width=width, dark=dark) as page,
    ):
        waiting, paused = await orders.place(line=DEAR), await orders.paused_in_doubt()
        await orders.until(waiting, lambda saga: saga.status == saga_pb2.STATUS_WAITING)
        await page.goto("/desk")
        await expect(page.get_by_role("link", name=waiting)).to_be_visible()
        await refuse_flaws(page)
        await page.get_by_role("link", name="Decide for this cause").click()
        await refuse_flaws(page)
        for path in (f"/sagas/{waiting}", f"/sagas/{paused}", f"/case/{paused}", f"/acts/cancel?saga={paused}"):
            await page.goto(path)
            await refuse_flaws(page)


async def test_no_text_of_a_picture_is_cut_by_its_box(orchestrator: Running, browser: Browser) -> None:
    async with orders_of(orchestrator) as orders, looking(browser, orchestrator.console) as page:
        order_id = await orders.place("tok_lost_reply", ("PIANO-GRAND", 1))
        await orders.until(order_id, lambda saga: saga.status == saga_pb2.STATUS_COMPENSATED)
        await page.goto(f"/sagas/{order_id}")
        assert await page.evaluate(_CUT) == []


_CUT = """() => [...document.querySelectorAll("svg.drawing g > text")].filter((text) => {
  const box = text.parentElement.querySelector(":scope > rect.body");
  if (!box) return false;
  const inner = text.getBoundingClientRect(), outer = box.getBoundingClientRect();
  return inner.left < outer.left || inner.right > outer.right;
}).map((text) => text.textContent)"""
