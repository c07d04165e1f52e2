"""How many products were ordered, and why orders failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.shop.conftest import MILLISECONDS

if TYPE_CHECKING:
    from playwright.async_api import Locator

    from tests.browser.shop.conftest import Visitor


def row(visitor: Visitor, section: str, name: str) -> Locator:
    table = visitor.page.locator(f"section[aria-labelledby={section}] table")
    return table.locator("tbody tr").filter(has=visitor.page.get_by_role("rowheader", name=name))


async def number(row: Locator, column: int) -> int:
    return int((await row.locator("td.number").nth(column).inner_text()).replace(",", "")) if await row.count() else 0


async def test_what_was_bought_is_counted_and_what_failed_has_a_reason(visitor: Visitor) -> None:
    await visitor.page.goto("/shop/days")
    chairs = row(visitor, "products", "CHAIR-OAK")
    declined = row(visitor, "reasons", "Your bank declined the card")
    before = [await number(chairs, 0), await number(chairs, 1), await number(declined, 0)]
    await visitor.buy(cart="CHAIR-OAK.3")
    await visitor.reads("Your order is received")
    await visitor.buy(cart="CHAIR-OAK.1", rehearsal="Declined card")
    await visitor.reads("Nothing was bought")
    await visitor.page.goto("/shop/days")
    await expect(visitor.page.get_by_role("img", name="Orders placed")).to_be_visible(timeout=MILLISECONDS)
    assert [await number(chairs, 0), await number(chairs, 1), await number(declined, 0)] == [
        before[0] + 4,
        before[1] + 3,
        before[2] + 1,
    ]
