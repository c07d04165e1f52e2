"""An order as a page shows it."""

from __future__ import annotations

import pytest
from google.type.money_pb2 import Money

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.definition.waiting import APPROVAL
from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal.outcome import Failure
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CommandState, CompensationState, SagaState, Status, StepOutcome
from orchestrator.shop.pages.order import lines_of, receipt_of
from orchestrator.shop.pages.progress import Mood, OrderShown, StepShown, order_shown
from orchestrator.shop.place_order import place_order_2
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.pricing.v1.pricing_pb2 import PriceOrderResponse
from shop.product.v1.product_pb2 import CreateOrderResponse, Product
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentResponse, Shipment
from shop.type.v1.type_pb2 import Line

PLAN = read_plan(place_order_2)
EFFECTS = {step.command.name: step.command.effect for step in PLAN.steps()}
METHODS = list(EFFECTS)
SECOND = 1_000_000_000
PRICE = Money(currency_code="EUR", units=22, nanos=610_000_000)
SHOWN = "€\N{NO-BREAK SPACE}22.61"
REPLIES = {
    "CreateOrder": CreateOrderResponse(products=[Product(sku="MUG-BLUE", name="Blue mug")]),
    "PriceOrder": PriceOrderResponse(total=PRICE),
    "ArrangeShipment": ArrangeShipmentResponse(shipment=Shipment(carrier="Swift Post")),
}


def method(name: str) -> str:
    return next(each for each in METHODS if each.endswith(f".{name}"))


def an_order(status: Status, *done: str) -> SagaState:
    """An order that has done these steps."""
    state = SagaState("order-1")
    state.definition, state.version, state.started_at, state.status = "place_order", 2, SECOND, status
    state.input = StartOrderRequest(lines=[Line(sku="MUG-BLUE", quantity=2)]).SerializeToString()
    for name in done:
        command = begin(state, name)
        command.outcome, command.ended_at, command.attempts = StepOutcome.COMPLETED, 2 * SECOND, 1
        command.reply = REPLIES[name].SerializeToString() if name in REPLIES else b""
    return state


def begin(state: SagaState, name: str) -> CommandState:
    full = method(name)
    service, _, short = full.rpartition(".")
    key = f"{service.rpartition('.')[2]}.{short}#1"
    state.commands[key] = CommandState(key, full, EFFECTS[full], b"", SECOND, best_effort=False)
    return state.commands[key]


def refuse(state: SagaState, name: str, reason: str = "") -> None:
    command = begin(state, name)
    command.outcome, command.ended_at, command.attempts = StepOutcome.REJECTED, 2 * SECOND, 1
    command.failure = Failure(StatusCode.FAILED_PRECONDITION, "no", reason)
    state.rollback = Reason(ReasonCode.REJECTED, "no", command.key)


def undo(state: SagaState, name: str, position: int, *, done: bool = True) -> CompensationState:
    command = next(each for each in state.commands.values() if each.method == method(name))
    command.compensation = CompensationState(f"shop.some.v1.Service.Undo{name}", b"", 3 * SECOND, position)
    command.compensation.ended_at = 4 * SECOND if done else None
    return command.compensation


def shown(state: SagaState, *waiting: Waiting) -> OrderShown:
    return order_shown(state, PLAN, waiting, APPROVAL)


def step(order: OrderShown, command: str) -> StepShown:
    return next(each for each in order.steps if each.command == command)


def stations(order: OrderShown) -> list[str]:
    return [station.state for station in order.stations]


BEFORE_PAYMENT = ("CreateOrder", "AssessOrder", "ReserveStock", "PriceOrder")


def test_an_order_under_way_shows_what_is_done_what_is_being_done_and_what_comes() -> None:
    state = an_order(Status.RUNNING, *BEFORE_PAYMENT)
    begin(state, "AuthorizePayment")
    order = shown(state)
    assert order.mood is Mood.BUSY
    assert not order.ended
    assert step(order, "ReserveStock").words == "It is set aside for you"
    assert step(order, "AuthorizePayment").words == f"Your bank is being asked to hold {SHOWN}"
    assert step(order, "ArrangeShipment").words == "Find a carrier"
    assert [step(order, name).state for name in ("ReserveStock", "AuthorizePayment", "ArrangeShipment")] == [
        "completed",
        "in-progress",
        "not-begun",
    ]
    assert stations(order) == ["passed", "passed", "here", "ahead", "ahead", "ahead"]


def test_no_sentence_has_a_gap_before_the_facts_are_known() -> None:
    state = an_order(Status.RUNNING)
    for full in METHODS:
        begin(state, full.rpartition(".")[2])
    assert not any("{" in each.words or "}" in each.words for each in shown(state).steps)


def test_a_received_order_has_a_receipt() -> None:
    state = an_order(Status.COMPLETED, *(name.rpartition(".")[2] for name in METHODS))
    state.result = Receipt(total=PRICE, carrier="Swift Post", tracking_number="SP1", points=22).SerializeToString()
    order, receipt = shown(state), receipt_of(state)
    assert (order.mood, order.ended, order.headline.title) == (Mood.GOOD, True, "Your order is received")
    assert order.headline.text.startswith("Swift Post brings it to you")
    assert stations(order) == ["passed"] * 6
    assert receipt == (SHOWN, "Swift Post", "SP1", 22)


def test_the_pivot_is_the_one_step_after_which_there_is_no_way_back() -> None:
    assert [each.command for each in shown(an_order(Status.RUNNING)).steps if each.is_pivot] == ["CapturePayment"]


def test_a_rolled_back_order_says_why_and_what_was_taken_back_the_last_step_first() -> None:
    state = an_order(Status.COMPENSATED, *BEFORE_PAYMENT)
    refuse(state, "AuthorizePayment", "CARD_DECLINED")
    undo(state, "ReserveStock", 1)
    undo(state, "CreateOrder", 2)
    order = shown(state)
    assert (order.mood, order.headline.title) == (Mood.GONE, "Nothing was bought")
    assert order.headline.text.startswith("Your bank declined the card.")
    assert order.undone == ("It is back on the shelf", "Your order is struck from the book")
    assert step(order, "ReserveStock").undone_by == "1. UndoReserveStock"
    assert "FAILED_PRECONDITION (CARD_DECLINED): no" in step(order, "AuthorizePayment").notes
    assert stations(order)[:3] == ["left", "left", "failed"]


def test_while_an_order_goes_back_only_what_was_taken_back_is_said_to_be() -> None:
    state = an_order(Status.COMPENSATING, *BEFORE_PAYMENT)
    state.rollback = Reason(ReasonCode.CANCELLED, "too dear")
    undo(state, "ReserveStock", 1, done=False).failure = Failure(StatusCode.UNAVAILABLE, "nobody is there")
    undo(state, "CreateOrder", 2, done=False)
    order = shown(state)
    assert (order.mood, order.undone) == (Mood.BACK, ())
    assert order.headline.text == "You cancelled the order."
    assert step(order, "ReserveStock").state == "compensating"
    assert "UNAVAILABLE: nobody is there" in step(order, "ReserveStock").notes


def test_an_order_that_goes_back_says_so_while_it_waits_for_a_service_that_is_away() -> None:
    state = an_order(Status.WAITING, *BEFORE_PAYMENT)
    state.rollback = Reason(ReasonCode.CANCELLED, "enough")

    assert (shown(state).mood, shown(state).headline.title) == (Mood.BACK, "We take everything back")


def test_an_order_that_waits_for_a_yes_says_so() -> None:
    waits = Waiting(WaitReason.SIGNAL, f"{APPROVAL}#1", "", 0, SECOND, 0, None, APPROVAL, "saga.v1.Decision")
    order = shown(an_order(Status.WAITING, *BEFORE_PAYMENT), waits)
    assert order.awaits_approval
    assert (order.mood, order.headline.title) == (Mood.ASKS, "Your order waits for a yes")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (WaitReason.BACKOFF, "attempt 3 comes soon"),
        (WaitReason.PARTICIPANT_DOWN, "the service is down; it is asked for its health until it is back"),
    ],
)
def test_a_step_says_what_it_waits_for(reason: WaitReason, told: str) -> None:
    state = an_order(Status.RUNNING, "CreateOrder", "AssessOrder")
    command = begin(state, "ReserveStock")
    command.attempts, command.failure = 2, Failure(StatusCode.UNAVAILABLE, "nobody is there")
    waits = Waiting(reason, command.key, "", 3, SECOND, 2 * SECOND, command.failure)
    assert step(shown(state, waits), "ReserveStock").notes == (
        "2 attempts so far",
        "UNAVAILABLE: nobody is there",
        told,
    )


def test_a_step_that_was_not_sent_any_more_was_not_refused_by_anybody() -> None:
    state = an_order(Status.COMPENSATED, *BEFORE_PAYMENT)
    state.rollback = Reason(ReasonCode.CANCELLED, "too dear")
    command = begin(state, "AuthorizePayment")
    command.outcome, command.ended_at = StepOutcome.REJECTED, 2 * SECOND
    command.failure = Failure(StatusCode.CANCELLED, "it was not sent any more", "NOT_SENT")
    order = shown(state)
    pay = step(order, "AuthorizePayment")
    assert (pay.words, pay.state, pay.state_word) == ("Ask your bank for the money", "skipped", "not reached")
    assert stations(order)[2] == "ahead"


def test_an_order_in_front_of_an_operator_is_looked_after_by_somebody() -> None:
    state = an_order(Status.SUSPENDED, *BEFORE_PAYMENT, "AuthorizePayment", "ArrangeShipment", "CapturePayment")
    refuse(state, "FulfilOrder", "FAULT_PLANNED")
    state.suspension = Reason(ReasonCode.REJECTED_AFTER_PIVOT, "no", "WarehouseService.FulfilOrder#1")
    order = shown(state)
    assert order.mood is Mood.STOPPED
    assert order.headline.text == "The warehouse does not pack the parcel."


def test_a_product_is_called_by_its_name_once_the_catalogue_has_told_it() -> None:
    assert lines_of(an_order(Status.RUNNING)) == [("MUG-BLUE", 2, "mug")]
    assert lines_of(an_order(Status.RUNNING, "CreateOrder")) == [("Blue mug", 2, "mug")]


def test_a_reply_that_cannot_be_read_tells_nothing() -> None:
    state = an_order(Status.RUNNING, *BEFORE_PAYMENT)
    for command in state.commands.values():
        command.reply = b"\xff"
    begin(state, "AuthorizePayment")
    assert step(shown(state), "AuthorizePayment").words == "Your bank is being asked to hold the money"
    assert lines_of(state) == [("MUG-BLUE", 2, "mug")]


def test_queries_need_no_undo() -> None:
    assert EFFECTS[method("PriceOrder")] is Effect.QUERY
    assert step(shown(an_order(Status.COMPENSATED, *BEFORE_PAYMENT)), "PriceOrder").undone == ""
