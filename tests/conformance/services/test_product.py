"""The catalogue, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
import pytest

from shop.product.v1.product_pb2 import (
    CancelOrderRequest,
    CreateOrderRequest,
    GetProductRequest,
    ListProductsRequest,
)
from shop.product.v1.product_pb2_grpc import ProductServiceStub
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from tests.conformance.services.conftest import RefusedWith, Serve

CATALOGUE = ["BOOK-SAGA", "CHAIR-OAK", "LAMP-DESK", "MUG-BLUE", "PIANO-GRAND", "TEE-M"]


@pytest.fixture
async def product(serve: Serve) -> ProductServiceStub:
    return ProductServiceStub(await serve("product"))


def cart(*skus: str, order_id: str = "order-1") -> CreateOrderRequest:
    lines = [Line(sku=sku, quantity=2) for sku in skus]
    return CreateOrderRequest(order_id=order_id, customer_id="alice", lines=lines)


async def test_an_order_record_knows_its_products_total_and_weight(product: ProductServiceStub) -> None:
    record = await product.CreateOrder(cart("TEE-M", "MUG-BLUE"))
    assert [(one.sku, one.name) for one in record.products] == [("TEE-M", "T-shirt, M"), ("MUG-BLUE", "Blue mug")]
    assert (record.list_total.units, record.list_total.nanos, record.list_total.currency_code) == (67, 0, "EUR")
    assert record.weight_grams == 2 * (180 + 350)


async def test_a_product_that_is_not_in_the_catalogue_is_refused(
    product: ProductServiceStub, refused_with: RefusedWith
) -> None:
    unknown = ("NOT_FOUND", "SKU_UNKNOWN", {"sku": "UNICORN"})
    assert await refused_with(product.CreateOrder(cart("MUG-BLUE", "UNICORN"))) == unknown
    assert await refused_with(product.GetProduct(GetProductRequest(sku="UNICORN"))) == unknown


async def test_an_order_is_recorded_once_even_when_it_was_cancelled(
    product: ProductServiceStub, refused_with: RefusedWith
) -> None:
    await product.CreateOrder(cart("MUG-BLUE"))
    for _ in range(2):
        await product.CancelOrder(CancelOrderRequest(order_id="order-1"))
    assert (await refused_with(product.CreateOrder(cart("MUG-BLUE"))))[1] == "ORDER_ALREADY_RECORDED"


async def test_cancelling_an_order_that_was_never_recorded_succeeds(product: ProductServiceStub) -> None:
    await product.CancelOrder(CancelOrderRequest(order_id="order-1"))


async def test_a_product_shows_its_price_and_weight(product: ProductServiceStub) -> None:
    mug = (await product.GetProduct(GetProductRequest(sku="MUG-BLUE"))).product
    assert (mug.list_price.units, mug.list_price.nanos, mug.weight_grams) == (9, 500_000_000, 350)


async def test_the_catalogue_is_listed_page_by_page(product: ProductServiceStub) -> None:
    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        page = await product.ListProducts(ListProductsRequest(page_size=4, page_token=token))
        pages.append([one.sku for one in page.products])
        token = page.next_page_token
    assert pages == [CATALOGUE[:4], CATALOGUE[4:]]


async def test_a_page_that_ends_with_the_catalogue_has_no_next(product: ProductServiceStub) -> None:
    page = await product.ListProducts(ListProductsRequest(page_size=6))
    assert [one.sku for one in page.products] == CATALOGUE
    assert page.next_page_token == ""
    assert len((await product.ListProducts(ListProductsRequest())).products) == 6


@pytest.mark.parametrize("token", ["nonsense!", "_w==", "é"])
async def test_a_foreign_page_token_is_bad_input(product: ProductServiceStub, token: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await product.ListProducts(ListProductsRequest(page_token=token))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
