"""The first page of the shop: products, a cart, and buttons that buy: one for each thing that may go wrong."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse

from orchestrator.access.subject import current
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.shop.order_service import DEFINITION
from orchestrator.shop.pages.cart import Cart
from orchestrator.shop.pages.money import shown, total
from orchestrator.shop.pages.rehearsal import FAULTS, PREPARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console
    from orchestrator.shop.pages.catalogue import Catalogue
    from orchestrator.shop.pages.faults import Faults
    from orchestrator.shop.pages.placing import Placing
    from shop.product.v1.product_pb2 import Product

_NEWEST: Final = 6
_FAULTS_AT: Final = "shop.product.v1.ProductService"


class CartLine(NamedTuple):
    """A product in the cart.

    Attributes:
        name: for people.
        quantity: how many pieces.
        amount: what they cost, before discounts and tax.
        more: the address of the same page with one piece more; so is less, with one less.
    """

    name: str
    quantity: int
    amount: str
    more: str
    less: str


@dataclass(frozen=True, slots=True)
class FrontPage:
    """Shows the shop, and takes orders.

    Attributes:
        console: what every page has at hand.
        catalogue: what there is to buy.
        faults: tells the services what is to go wrong.
        placing: places orders.
    """

    console: Console
    catalogue: Catalogue
    faults: Faults
    placing: Placing

    async def show(self, request: Request) -> Response:
        """The shop."""
        cart = Cart.read(request.query_params.get("cart", ""))
        products = await self.catalogue.products()
        steps, undos = self.placing.choices()
        newest, _ = await self.console.sagas.search(SagaFilter(definition=DEFINITION), _NEWEST, "")
        return self.console.render(
            request,
            "shop/front.html",
            products=await self.catalogue.shown(products),
            add={product.sku: address(cart.with_one_more(product.sku), product.sku) for product in products},
            cart=cart.written(),
            lines=cart_lines(cart, products),
            total=total([(each.list_price, number) for each, number in _found(cart, products)]),
            request_id=str(uuid.uuid4()),
            customer=customer_of(current().name),
            prepared=PREPARED,
            faults=FAULTS,
            steps=steps,
            undos=undos,
            can_fail=await self.faults.can_be_planned(_FAULTS_AT),
            newest=newest,
        )

    async def buy(self, request: Request) -> Response:
        """Place an order, and show it."""
        form = await request.form()
        bought = self.placing.read(form)
        order_id = await self.placing.place(bought)
        chosen: dict[str, Any] = {"rehearsal": bought.rehearsal.name}
        if bought.rehearsal.name == "step":
            chosen |= {"step": form.get("step", ""), "fault": form.get("fault", "")}
        return RedirectResponse(f"/shop/orders/{order_id}?{urlencode(chosen)}", status_code=303)


def address(cart: Cart, product: str = "") -> str:
    """Of the shop with this cart; the browser stays at the product."""
    where = f"/shop?cart={quote(cart.written())}" if cart.items else "/shop"
    return f"{where}#{product or 'cart'}"


def cart_lines(cart: Cart, products: Sequence[Product]) -> list[CartLine]:
    """What is in the cart; a product that is not for sale is in no cart."""
    return [
        CartLine(
            product.name,
            number,
            shown(product.list_price, number),
            address(cart.with_one_more(product.sku)),
            address(cart.with_one_less(product.sku)),
        )
        for product, number in _found(cart, products)
    ]


def customer_of(name: str) -> str:
    """The name under which somebody orders who is signed in: only what a contract allows in it."""
    return "".join(each for each in name if each.isascii() and (each.isalnum() or each in "._-"))[:64] or "guest"


def _found(cart: Cart, products: Sequence[Product]) -> list[tuple[Product, int]]:
    known = {product.sku: product for product in products}
    return [(known[sku], number) for sku, number in cart.items if sku in known]
