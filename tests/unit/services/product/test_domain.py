from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import InvalidRequest, Rejection
from services.product.domain import Product, page_start, page_token, record_order
from shop.type.v1.type_pb2 import Line

MUG = Product("MUG-BLUE", "Blue mug", list_price=9_500_000_000, weight_grams=350)
TEE = Product("TEE-M", "T-shirt, M", list_price=24_000_000_000, weight_grams=180)
CATALOGUE = {"MUG-BLUE": MUG, "TEE-M": TEE}


def test_a_record_adds_up_its_lines() -> None:
    record = record_order(CATALOGUE, [Line(sku="TEE-M", quantity=1), Line(sku="MUG-BLUE", quantity=3)])
    assert record.products == (TEE, MUG)
    assert record.list_total == 52_500_000_000
    assert record.weight_grams == 1_230


def test_a_cart_with_an_unknown_product_is_refused() -> None:
    with pytest.raises(Rejection) as caught:
        record_order(CATALOGUE, [Line(sku="UNICORN", quantity=1)])
    assert caught.value.reason == "SKU_UNKNOWN"


@given(st.text(max_size=32))
def test_a_page_starts_where_its_token_says(sku: str) -> None:
    assert page_start(page_token(sku)) == sku


@pytest.mark.parametrize("token", ["?", "abc", "_w=="])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest):
        page_start(token)
