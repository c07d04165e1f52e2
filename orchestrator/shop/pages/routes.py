"""The paths of the shop's pages, and to which rpc each corresponds: who may call that, may do this."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.console.application_pages import pages
from orchestrator.console.page import Page
from orchestrator.shop.order_service import DEFINITION
from orchestrator.shop.pages.catalogue import Catalogue
from orchestrator.shop.pages.days import DaysPage
from orchestrator.shop.pages.faults import Faults
from orchestrator.shop.pages.front import FrontPage
from orchestrator.shop.pages.order import OrderPage
from orchestrator.shop.pages.placing import Placing
from orchestrator.shop.pages.sales import Sales

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.console.console import Console

_API = "shop.order.v1.OrderService"


@pages("/shop", title="Shop", folder=Path(__file__).parent)
def shop_pages(console: Console) -> Iterator[Page]:
    """All of them, where orders can be placed."""
    application = console.application
    if application.sagas.find(DEFINITION, 0) is None:
        return
    catalogue, faults = Catalogue(application.channel), Faults(application.channel)
    placing = Placing(application, faults)
    front, order = FrontPage(console, catalogue, faults, placing), OrderPage(console, placing)
    days = DaysPage(console, Sales(application.sagas))
    yield Page("/shop", f"{_API}.ListOrders", front.show)
    yield Page("/shop/days", f"{_API}.ListOrders", days.show)
    yield Page("/shop/orders", f"{_API}.StartOrder", front.buy, "POST")
    yield Page("/shop/orders/{order_id}", f"{_API}.WatchOrder", order.show)
    yield Page("/shop/orders/{order_id}/cancel", f"{_API}.CancelOrder", order.cancel, "POST")
    yield Page("/shop/orders/{order_id}/approve", f"{_API}.ApproveOrder", order.approve, "POST")
    yield Page("/shop/orders/{order_id}/reject", f"{_API}.RejectOrder", order.reject, "POST")
