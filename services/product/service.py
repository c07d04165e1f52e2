"""The catalogue's servicer: it shows products, and records orders of them."""

from typing import Final

from sqlalchemy import Connection

from services.chassis import Participant, command, compensation, query
from services.chassis.money import money_of
from services.product import domain, store
from shop.product.v1.product_pb2 import (
    CancelOrderRequest,
    CancelOrderResponse,
    CreateOrderRequest,
    CreateOrderResponse,
    GetProductRequest,
    GetProductResponse,
    ListProductsRequest,
    ListProductsResponse,
    Product,
)
from shop.product.v1.product_pb2_grpc import ProductServiceServicer

DEFAULT_PAGE_SIZE: Final = 50


class ProductService(Participant, ProductServiceServicer):
    """Knows what the shop sells and turns carts into order records."""

    @command
    def CreateOrder(self, request: CreateOrderRequest, connection: Connection) -> CreateOrderResponse:
        """Record an order of products in the catalogue."""
        record = store.create_order(connection, request.order_id, request.customer_id, request.lines)
        return CreateOrderResponse(
            products=map(_shown, record.products),
            list_total=money_of(record.list_total),
            weight_grams=record.weight_grams,
        )

    @compensation
    def CancelOrder(self, request: CancelOrderRequest, connection: Connection) -> CancelOrderResponse:
        """Mark an order record as cancelled."""
        store.cancel_order(connection, request.order_id)
        return CancelOrderResponse()

    @query
    def GetProduct(self, request: GetProductRequest, connection: Connection) -> GetProductResponse:
        """Show one product."""
        return GetProductResponse(product=_shown(store.show_product(connection, request.sku)))

    @query
    def ListProducts(self, request: ListProductsRequest, connection: Connection) -> ListProductsResponse:
        """List the catalogue by sku."""
        size = request.page_size or DEFAULT_PAGE_SIZE
        # One more than the page tells whether another page follows.
        found = store.list_products(connection, after=domain.page_start(request.page_token), count=size + 1)
        following = domain.page_token(found[size - 1].sku) if len(found) > size else ""
        return ListProductsResponse(products=map(_shown, found[:size]), next_page_token=following)


def _shown(product: domain.Product) -> Product:
    return Product(
        sku=product.sku,
        name=product.name,
        list_price=money_of(product.list_price),
        weight_grams=product.weight_grams,
    )
