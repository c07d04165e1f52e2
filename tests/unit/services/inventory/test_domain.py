from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Rejection
from services.inventory.domain import Stock, quantities, reserve_all
from shop.type.v1.type_pb2 import Line

MUGS = Stock("MUG-BLUE", "A-01", available=5, reserved=0)


def test_a_reservation_moves_stock_from_available_to_reserved() -> None:
    assert MUGS.reserve(5) == Stock("MUG-BLUE", "A-01", available=0, reserved=5)


def test_a_release_moves_stock_back_to_available() -> None:
    assert MUGS.reserve(3).release(3) == MUGS


def test_no_more_than_is_available_can_be_reserved() -> None:
    with pytest.raises(Rejection) as caught:
        MUGS.reserve(6)
    assert caught.value.reason == "OUT_OF_STOCK"
    assert caught.value.metadata == {"sku": "MUG-BLUE", "wanted": "6", "available": "5"}


@pytest.mark.parametrize(("available", "reserved"), [(-1, 0), (0, -1)])
def test_negative_stock_cannot_be_constructed(available: int, reserved: int) -> None:
    with pytest.raises(ValueError, match="MUG-BLUE"):
        Stock("MUG-BLUE", "A-01", available, reserved)


def test_lines_of_one_sku_are_added_up_in_their_order() -> None:
    lines = [Line(sku="B", quantity=1), Line(sku="A", quantity=2), Line(sku="B", quantity=3)]
    assert list(quantities(lines).items()) == [("B", 4), ("A", 2)]


def test_an_unknown_sku_is_refused_by_name() -> None:
    with pytest.raises(Rejection) as caught:
        reserve_all({"MUG-BLUE": MUGS}, {"MUG-BLUE": 1, "UNICORN": 1})
    assert (caught.value.reason, caught.value.metadata) == ("SKU_UNKNOWN", {"sku": "UNICORN"})


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 1000))
def test_what_is_reserved_and_available_together_never_changes(available: int, reserved: int, quantity: int) -> None:
    stock = Stock("MUG-BLUE", "A-01", available, reserved)
    try:
        after = stock.reserve(quantity)
    except Rejection:
        assert quantity > available
    else:
        assert after.available + after.reserved == available + reserved
