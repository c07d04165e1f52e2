"""The page of one order: how it arrives, and what a customer, or an approver, can do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import DecodeError
from starlette.responses import RedirectResponse

from orchestrator.access.subject import actor
from orchestrator.api.signals import decision_of
from orchestrator.definition.waiting import APPROVAL
from orchestrator.errors import ActRefused, Recovering, SagaNotFound
from orchestrator.journal.acts import Act
from orchestrator.journal.trace_ids import trace_id
from orchestrator.shop.order_service import DEFINITION
from orchestrator.shop.pages.money import shown
from orchestrator.shop.pages.pictures import PICTURES, UNKNOWN
from orchestrator.shop.pages.placing import CANCELLED
from orchestrator.shop.pages.progress import order_shown
from orchestrator.shop.pages.rehearsal import NOTHING, chosen
from saga.v1.saga_pb2 import Decision
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.product.v1.product_pb2 import CreateOrderResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console
    from orchestrator.journal.state import SagaState
    from orchestrator.shop.pages.placing import Placing

_CREATE: str = "shop.product.v1.ProductService.CreateOrder"


class LineShown(NamedTuple):
    """A product of an order: what it is called, how many, and the name of its drawing."""

    name: str
    quantity: int
    picture: str


class ReceiptShown(NamedTuple):
    """What a customer got for the money."""

    total: str
    carrier: str
    tracking_number: str
    points: int


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Shows one order, and does what can be done to it.

    Attributes:
        console: what every page has at hand.
        placing: knows what can go wrong on purpose.
    """

    console: Console
    placing: Placing

    async def show(self, request: Request) -> Response:
        """The order, as it arrives."""
        order_id, query = request.path_params["order_id"], request.query_params
        story = self._story(query)

        async def view() -> Mapping[str, Any]:
            return {**await self._view(order_id), "story": story}

        await self._order(order_id)
        return await self.console.show(request, "shop/order", view, changes=lambda: self.console.sagas.watch(order_id))

    async def cancel(self, request: Request) -> Response:
        """What a customer does who wants the order no more."""
        order_id = request.path_params["order_id"]
        await self._order(order_id)
        await self.console.sagas.act(Act.CANCEL, order_id, CANCELLED, actor())
        return _back(request, order_id)

    async def approve(self, request: Request) -> Response:
        """Somebody's yes."""
        return await self._decide(request, approved=True)

    async def reject(self, request: Request) -> Response:
        """Somebody's no."""
        return await self._decide(request, approved=False)

    async def _decide(self, request: Request, *, approved: bool) -> Response:
        order_id = request.path_params["order_id"]
        await self._order(order_id)
        decision = Decision(approved=approved, reason="decided in the shop")
        await self.console.sagas.signal(order_id, decision_of(decision, APPROVAL, ""))
        return _back(request, order_id)

    async def _order(self, order_id: str) -> SagaState:
        """The order's saga; a saga of another definition is no order."""
        state = await self.console.sagas.get(order_id)
        if state.definition != DEFINITION:
            raise SagaNotFound(order_id)
        return state

    async def _view(self, order_id: str) -> dict[str, Any]:
        sagas = self.console.sagas
        state = await self._order(order_id)
        served = sagas.find(state.definition, state.version)
        return {
            "order_id": order_id,
            "order": order_shown(state, served.plan if served else None, sagas.waiting(state), APPROVAL),
            "stands": state.status,
            "lines": lines_of(state),
            "receipt": receipt_of(state),
            "no_cancel": await self._no_cancel(state),
            "placed_at": state.started_at,
            "trace": self.console.trace_link(trace_id(state.saga_id, state.traceparent)),
        }

    async def _no_cancel(self, state: SagaState) -> str:
        """Why the order cannot be cancelled now; empty where it can."""
        try:
            await self.console.sagas.refuse_act(Act.CANCEL, state.saga_id)
        except (ActRefused, Recovering) as refused:
            if state.pivoted:
                return "Your payment is taken. From here on, the order only goes forward."
            if state.pivot_in_doubt is not None:
                return "Your payment is being taken at this moment."
            return str(refused)
        return ""

    def _story(self, query: Mapping[str, str]) -> dict[str, str]:
        """What was chosen to go wrong, as the address says; it changes nothing of the order."""
        steps, undos = self.placing.choices()
        name, step, fault = (query.get(each, "") for each in ("rehearsal", "step", "fault"))
        rehearsal = chosen(name, step, fault, steps + undos)
        if rehearsal is None or rehearsal is NOTHING:
            return {}
        return {"title": rehearsal.title, "text": rehearsal.story}


def lines_of(state: SagaState) -> list[LineShown]:
    """What was ordered; by name, as soon as the catalogue has told the names."""
    order = StartOrderRequest.FromString(state.input)
    names: dict[str, str] = {}
    for command in state.commands.values():
        if command.method == _CREATE and command.reply is not None:
            names = _names(command.reply)
    return [
        LineShown(names.get(line.sku, line.sku), line.quantity, PICTURES.get(line.sku, UNKNOWN).name)
        for line in order.lines
    ]


def receipt_of(state: SagaState) -> ReceiptShown | None:
    """What the customer got, once the order is completed."""
    if state.result is None:
        return None
    receipt = Receipt.FromString(state.result)
    return ReceiptShown(shown(receipt.total), receipt.carrier, receipt.tracking_number, receipt.points)


def _names(reply: bytes) -> dict[str, str]:
    try:
        return {product.sku: product.name for product in CreateOrderResponse.FromString(reply).products}
    except DecodeError:
        return {}


def _back(request: Request, order_id: str) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/shop/orders/{order_id}{query}", status_code=303)
