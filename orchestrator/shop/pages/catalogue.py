"""What the shop sells, as its services know it: products and prices from one, the stock from another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc.aio

from orchestrator.errors import DefinitionError
from orchestrator.shop.pages.money import shown
from orchestrator.shop.pages.pictures import PICTURES, UNKNOWN
from shop.inventory.v1.inventory_pb2 import GetStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.product.v1.product_pb2 import ListProductsRequest, Product
from shop.product.v1.product_pb2_grpc import ProductServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PRODUCT: Final = "shop.product.v1.ProductService"
_INVENTORY: Final = "shop.inventory.v1.InventoryService"
_PATIENCE_SECONDS: Final = 1.0
_LOW_STOCK: Final = 10


class Shown(NamedTuple):
    """A product on a page.

    Attributes:
        sku: its identity.
        name: for people.
        blurb: one sentence about it, or empty.
        price: of one piece, before discounts and tax.
        stock: how many there are, in words; empty where nobody knows now.
        picture: the name of its drawing.
    """

    sku: str
    name: str
    blurb: str
    price: str
    stock: str
    picture: str


class Catalogue:
    """Asks the services.

    Args:
        channel: a channel to a participant, by the full name of its service; one that is not reached over gRPC does
            not answer.
    """

    def __init__(self, channel: Callable[[str], grpc.aio.Channel]) -> None:
        self._channel = channel

    async def products(self) -> list[Product]:
        """What is for sale; empty where the service does not answer now."""
        try:
            stub = ProductServiceStub(self._channel(_PRODUCT))
            return list((await stub.ListProducts(ListProductsRequest(), timeout=_PATIENCE_SECONDS)).products)
        except (grpc.aio.AioRpcError, DefinitionError):
            return []

    async def shown(self, products: Iterable[Product]) -> list[Shown]:
        """Products with their stock and their pictures, the cheapest first."""
        ordered = sorted(products, key=lambda product: (product.list_price.units, product.sku))
        stocks = await asyncio.gather(*(self._stock(product.sku) for product in ordered))
        return [_shown(product, stock) for product, stock in zip(ordered, stocks, strict=True)]

    async def _stock(self, sku: str) -> int | None:
        try:
            stub = InventoryServiceStub(self._channel(_INVENTORY))
            return (await stub.GetStock(GetStockRequest(sku=sku), timeout=_PATIENCE_SECONDS)).available
        except (grpc.aio.AioRpcError, DefinitionError):
            return None


def _shown(product: Product, stock: int | None) -> Shown:
    picture = PICTURES.get(product.sku, UNKNOWN)
    return Shown(product.sku, product.name, picture.blurb, shown(product.list_price), _told(stock), picture.name)


def _told(stock: int | None) -> str:
    match stock:
        case None:
            return ""
        case 0:
            return "none left"
        case few if few < _LOW_STOCK:
            return f"only {few} left"
        case _:
            return f"{stock:,} in stock"
