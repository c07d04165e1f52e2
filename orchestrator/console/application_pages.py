"""The pages that an application adds to the console, beside its sagas.

A module that holds sagas may hold a function that is declared with :func:`pages`, as one with servicers is declared
with ``@servicers``. It is called once, before the console answers. Its pages stand in the same layout as the console's
own, behind the same sign-in, and need the role that the contract of an rpc states::

    @pages("/shop", title="Shop", folder=Path(__file__).parent)
    def shop_pages(console: Console) -> Iterable[Page]:
        async def products(request: Request) -> Response:
            return console.render(request, "shop/products.html", products=await all_products())

        yield Page("/shop", "shop.order.v1.OrderService.ListOrders", products)

Templates lie in ``templates/`` of the folder and are found as ``shop/products.html``, after the prefix; they extend
``base.html``. What lies in ``static/`` of the folder is open to everybody: ``{{ static('shop.css', 'shop') }}`` is its
address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import ModuleType

    from orchestrator.console.console import Console
    from orchestrator.console.page import Page


@dataclass(frozen=True, slots=True, eq=False)
class Pages:
    """The pages of an application; made by :func:`pages`.

    Attributes:
        prefix: how their paths begin, such as ``/shop``.
        title: what the navigation calls the first of them.
        folder: where their templates and static files lie.
        register: makes them.
    """

    prefix: str
    title: str
    folder: Path
    register: Callable[[Console], Iterable[Page]]


def pages(prefix: str, *, title: str, folder: Path) -> Callable[[Callable[[Console], Iterable[Page]]], Pages]:
    """Declare a function that makes pages, to be found beside the sagas of its module; see :class:`Pages`.

    Raises:
        DefinitionError: the prefix is not one word after a slash.
    """
    if not prefix.startswith("/") or not prefix[1:].isidentifier():
        raise DefinitionError(f"pages: expected a prefix such as /shop, not {prefix!r}")
    return lambda register: Pages(prefix, title, folder, register)


def pages_in(modules: Iterable[ModuleType]) -> Iterator[Pages]:
    """Every such function that the modules hold, each once."""
    found = (value for module in modules for value in vars(module).values() if isinstance(value, Pages))
    yield from dict.fromkeys(found)
