"""A cart, which the address of a page holds."""

from __future__ import annotations

import pytest

from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.shop.pages.cart import MOST_PIECES, Cart
from orchestrator.shop.pages.front import address
from shop.order.v1.order_service_pb2 import StartOrderRequest

MUG = "MUG-BLUE"
TEE = "TEE-M"


def test_a_cart_is_read_as_it_was_written() -> None:
    cart = Cart().with_one_more(MUG).with_one_more(TEE).with_one_more(MUG)
    assert cart.items == ((MUG, 2), (TEE, 1))
    assert Cart.read(cart.written()) == cart
    assert cart.pieces == 3


def test_the_last_piece_takes_its_product_with_it() -> None:
    cart = Cart(((MUG, 2), (TEE, 1)))
    assert cart.with_one_less(MUG).items == ((MUG, 1), (TEE, 1))
    assert cart.with_one_less(TEE).items == ((MUG, 2),)
    assert cart.with_one_less("CHAIR-OAK") == cart


@pytest.mark.parametrize("typed", ["", "MUG-BLUE", "mug.1", "MUG-BLUE.0", "MUG-BLUE.-1", "<b>.1", "MUG-BLUE.99999"])
def test_what_cannot_be_read_of_an_address_is_left_out(typed: str) -> None:
    assert Cart.read(f"{typed} TEE-M.1").items == ((TEE, 1),)


def test_whatever_an_address_says_makes_lines_that_the_contract_allows() -> None:
    typed = " ".join([f"{MUG}.900", f"{MUG}.900", *(f"SKU-{number}.1" for number in range(200))])
    lines = Cart.read(typed).lines()
    assert (lines[0].sku, lines[0].quantity) == (MUG, MOST_PIECES)
    order = StartOrderRequest(customer_id="alice", email="a@shop.example", lines=lines, card_token="tok_visa")
    order.ship_to.SetInParent()
    address_of = order.ship_to
    address_of.name, address_of.street, address_of.city = "Alice", "Main Street 1", "Berlin"
    address_of.postal_code, address_of.country = "10115", "DE"
    refuse_invalid(order)


def test_the_address_of_a_cart_leads_back_to_the_product() -> None:
    assert address(Cart(((MUG, 1),)), MUG) == "/shop?cart=MUG-BLUE.1#MUG-BLUE"
    assert address(Cart()) == "/shop#cart"
