"""Each switch of the shop leads to what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.shop.conftest import MILLISECONDS

if TYPE_CHECKING:
    from tests.browser.shop.conftest import Visitor

RECEIVED = "Your order is received"
GONE = "Nothing was bought"


@pytest.mark.parametrize(
    ("switch", "headline", "command", "notes"),
    [
        ("Declined card", GONE, "AuthorizePayment", "CARD_DECLINED"),
        ("Slow payment", RECEIVED, "AuthorizePayment", "2 attempts"),
        ("Lost reply", RECEIVED, "AuthorizePayment", "before that UNAVAILABLE"),
        ("Refused shipment", GONE, "ArrangeShipment", "NO_CARRIER"),
        ("Service down", RECEIVED, "ReserveStock", "nobody is there"),
        ("Needs a person", "Somebody of the shop looks after your order", "FulfilOrder", "FAULT_PLANNED"),
    ],
)
async def test_a_switch_lets_its_step_go_wrong_and_the_order_end_as_it_says(
    visitor: Visitor, switch: str, headline: str, command: str, notes: str
) -> None:
    await visitor.buy(rehearsal=switch)
    await visitor.reads(headline)
    await expect(visitor.step(command)).to_contain_text(notes)
    await expect(visitor.page.locator(".story")).to_contain_text(switch)


async def test_a_declined_card_leads_back_over_every_step_that_was_done(visitor: Visitor) -> None:
    await visitor.buy(rehearsal="Declined card")
    await visitor.reads(GONE)
    assert await visitor.undone() == ["It is back on the shelf", "Your order is struck from the book"]
    await expect(visitor.step("ReserveStock")).to_have_class("compensated")
    await expect(visitor.step("ReserveStock")).to_contain_text("1. ReleaseStock")
    await expect(visitor.step("CapturePayment")).to_contain_text("not reached")


async def test_a_customer_who_cancels_half_way_gets_the_money_back(visitor: Visitor) -> None:
    await visitor.buy(rehearsal="Cancel half way")
    await visitor.reads(GONE)
    await expect(visitor.page.locator(".said")).to_contain_text("You cancelled the order.")
    assert (await visitor.undone())[0] == "Your bank holds nothing any more"


@pytest.mark.parametrize(("says", "headline"), [("Say yes", RECEIVED), ("Say no", GONE)])
async def test_an_expensive_order_waits_until_somebody_has_decided(visitor: Visitor, says: str, headline: str) -> None:
    await visitor.buy(rehearsal="Needs approval")
    await visitor.reads("Your order waits for a yes")
    await visitor.press(says)
    await visitor.reads(headline)


@pytest.mark.parametrize(
    ("step", "fault", "headline", "notes"),
    [
        ("AssessOrder", "is refused", GONE, "FAULT_PLANNED"),
        ("CapturePayment", "loses its reply", RECEIVED, "before that UNAVAILABLE"),
        ("CreditPoints", "answers too late", RECEIVED, "2 attempts"),
        ("RecordOrder", "finds nobody there", RECEIVED, "nobody is there"),
    ],
)
async def test_any_step_can_be_made_to_fail_in_any_way(
    visitor: Visitor, step: str, fault: str, headline: str, notes: str
) -> None:
    page = visitor.page
    await visitor.page.goto("/shop?cart=MUG-BLUE.1")
    await page.get_by_label("In slow motion").set_checked(False)
    await page.get_by_label("I collect points").check()
    await page.get_by_text("At any other step").click()
    option = await page.locator("select[name=step] option").filter(has_text=f"({step})").get_attribute("value")
    await page.get_by_label("This step").select_option(option)
    await page.get_by_label("does this").select_option(label=fault)
    await visitor.press("Buy, and watch")
    await visitor.reads(headline)
    await expect(visitor.step(step)).to_contain_text(notes)


async def test_a_step_of_the_way_back_can_be_made_to_fail_and_is_repeated_until_it_succeeds(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.page.goto("/shop?cart=MUG-BLUE.1")
    await page.get_by_text("At any other step").click()
    await page.get_by_label("This step").select_option("shop.inventory.v1.InventoryService.ReleaseStock")
    await page.get_by_label("does this").select_option("down")
    await visitor.press("Buy, and watch")
    await expect(visitor.step("ReserveStock")).to_have_class("completed", timeout=MILLISECONDS)
    await visitor.press("Cancel the order")
    await expect(visitor.step("ReserveStock")).to_contain_text("nobody is there", timeout=MILLISECONDS)
    await visitor.reads(GONE)
