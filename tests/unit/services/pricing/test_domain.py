from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import Rejection
from services.pricing.domain import Coupon, Line, ListPrice, QuantityBreak, price_order, redeem, to_cents

MUG = ListPrice(Decimal("9.50"), (QuantityBreak(10, Decimal(5)), QuantityBreak(50, Decimal(10))))
CHAIR = ListPrice(Decimal("189.00"))
PRICE_LIST = {"MUG-BLUE": MUG, "CHAIR-OAK": CHAIR}
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
COUPONS = {"TENTH": Coupon("TENTH", percent=Decimal(10)), "OLD": Coupon("OLD", expires_at=NOON - timedelta(days=1))}
NO_TAX = Decimal(0)
CENT = Decimal("0.01")

amounts = st.decimals(min_value=0, max_value=20_000, places=2)
percents = st.decimals(min_value=0, max_value=100, places=2)
quantities = st.integers(min_value=1, max_value=1000)
list_prices = st.builds(
    ListPrice,
    unit_price=amounts,
    breaks=st.lists(st.builds(QuantityBreak, min_quantity=quantities, percent=percents), max_size=3).map(tuple),
)
coupons = st.lists(st.builds(Coupon, code=st.just("C"), percent=percents, amount=amounts), max_size=5)
orders = st.lists(st.tuples(list_prices, quantities), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("quantity", "unit_price"),
    [(1, "9.50"), (9, "9.50"), (10, "9.025"), (49, "9.025"), (50, "8.55"), (1000, "8.55")],
)
def test_a_quantity_break_counts_from_its_first_piece_on(quantity: int, unit_price: str) -> None:
    assert MUG.at(quantity) == Decimal(unit_price)


def test_a_line_is_rounded_once_and_not_by_the_piece() -> None:
    price = price_order([Line("MUG-BLUE", 10)], PRICE_LIST, [], NO_TAX)

    assert price.lines[0].unit_price == Decimal("9.025")
    assert price.lines[0].amount == Decimal("90.25")


@pytest.mark.parametrize(
    ("exact", "rounded"), [("0.005", "0.01"), ("0.0049", "0.00"), ("2.675", "2.68"), ("2.665", "2.67")]
)
def test_half_a_cent_is_rounded_up(exact: str, rounded: str) -> None:
    assert to_cents(Decimal(exact)) == Decimal(rounded)


def test_tax_is_taken_of_what_the_coupons_leave() -> None:
    tenth_off = Coupon("WELCOME10", percent=Decimal(10))

    price = price_order([Line("CHAIR-OAK", 1)], PRICE_LIST, [tenth_off], Decimal(19))

    assert price.subtotal == Decimal("189.00")
    assert price.discount == Decimal("18.90")
    assert price.tax == Decimal("32.32")
    assert price.total == Decimal("202.42")


def test_a_coupon_worth_more_than_the_order_makes_it_free() -> None:
    price = price_order([Line("MUG-BLUE", 1)], PRICE_LIST, [Coupon("HUGE", amount=Decimal(500))], Decimal(19))

    assert price.discount == price.subtotal
    assert price.total == 0


def test_a_coupon_expires_at_its_instant() -> None:
    coupon = Coupon("NEW-YEAR", percent=Decimal(10), expires_at=NOON)

    assert not coupon.expired(NOON - timedelta(microseconds=1))
    assert coupon.expired(NOON)
    assert not Coupon("FOREVER").expired(NOON)


def test_a_product_without_a_price_is_refused() -> None:
    with pytest.raises(Rejection, match="GHOST has no price") as refused:
        price_order([Line("GHOST", 1)], PRICE_LIST, [], NO_TAX)

    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.NOT_FOUND, "SKU_UNKNOWN")


def test_a_coupon_named_twice_is_redeemed_once() -> None:
    assert redeem(["TENTH", "TENTH"], COUPONS, NOON) == [COUPONS["TENTH"]]


def test_a_coupon_that_the_shop_does_not_know_is_refused() -> None:
    with pytest.raises(Rejection, match="no coupon GHOST") as refused:
        redeem(["TENTH", "GHOST"], COUPONS, NOON)

    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.NOT_FOUND, "COUPON_UNKNOWN")


def test_a_refusal_does_not_repeat_an_endless_code() -> None:
    with pytest.raises(Rejection) as refused:
        redeem(["X" * 10_000], COUPONS, NOON)

    assert len(refused.value.message) < 100
    assert refused.value.metadata == {"coupon_code": "X" * 64}


def test_an_expired_coupon_is_refused() -> None:
    with pytest.raises(Rejection, match="OLD has expired") as refused:
        redeem(["OLD"], COUPONS, NOON)

    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "COUPON_EXPIRED")


@given(order=orders, redeemed=coupons, tax_percent=percents)
def test_a_price_adds_up_to_the_cent_and_is_never_negative(
    order: list[tuple[ListPrice, int]], redeemed: list[Coupon], tax_percent: Decimal
) -> None:
    lines = [Line(f"SKU-{index}", quantity) for index, (_, quantity) in enumerate(order)]
    price_list = {f"SKU-{index}": list_price for index, (list_price, _) in enumerate(order)}

    price = price_order(lines, price_list, redeemed, tax_percent)

    assert price.subtotal == sum(line.amount for line in price.lines)
    assert price.total == price.subtotal - price.discount + price.tax
    assert 0 <= price.discount <= price.subtotal
    assert price.tax >= 0
    assert price.total >= 0
    assert all(amount == amount.quantize(CENT) for amount in (price.subtotal, price.discount, price.tax, price.total))


@given(order=orders)
def test_a_line_is_at_most_half_a_cent_from_its_exact_price(order: list[tuple[ListPrice, int]]) -> None:
    for list_price, quantity in order:
        line = price_order([Line("SKU", quantity)], {"SKU": list_price}, [], NO_TAX).lines[0]

        assert abs(line.amount - line.unit_price * quantity) <= CENT / 2


@given(order=orders, redeemed=coupons)
def test_the_order_of_the_coupons_does_not_matter(order: list[tuple[ListPrice, int]], redeemed: list[Coupon]) -> None:
    lines = [Line(f"SKU-{index}", quantity) for index, (_, quantity) in enumerate(order)]
    price_list = {f"SKU-{index}": list_price for index, (list_price, _) in enumerate(order)}

    assert price_order(lines, price_list, redeemed, NO_TAX) == price_order(lines, price_list, redeemed[::-1], NO_TAX)


@given(list_price=list_prices, quantity=quantities)
def test_more_pieces_never_cost_more_each(list_price: ListPrice, quantity: int) -> None:
    assert list_price.at(quantity + 1) <= list_price.at(quantity)
