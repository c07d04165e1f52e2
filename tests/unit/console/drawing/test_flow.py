"""The flow of a saga as a picture: every step of the plan has one box, in its place, with its state."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import CommandRejected, best_effort, child, saga, scope, signal, sleep, timeout
from orchestrator.analysis.plan.nodes import (
    Arm,
    Branch,
    ChildSaga,
    FunctionCall,
    Issue,
    Leave,
    Loop,
    Parallel,
    Sequence,
    TimeLimit,
    Try,
    Unread,
    Wait,
    Way,
    walk,
)
from orchestrator.analysis.plan.plan import Plan
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.console.drawing.flow import flow_shapes, flow_svg
from orchestrator.console.drawing.shapes import Box, Frame, PivotLine
from orchestrator.console.drawing.style import style_sheet
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal import entries as e
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Failure
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.waits import WaitEnd
from orchestrator.shop.place_order import place_order_2
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import ARRANGE, AUTHORIZE, CONFIRM, PRICE, RESERVE, SAGA, Shop, trip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.analysis.plan.nodes import Node
    from orchestrator.contract.command import Command
    from orchestrator.journal.state import SagaState

TRIP = read_plan(trip)
COMMANDS = {step.command.method: step.command for step in TRIP.steps()}
NO = Failure(StatusCode.FAILED_PRECONDITION, 'no <tags> & no "quotes"\x00')
WHY = Reason(ReasonCode.REJECTED, "ShippingService.ArrangeShipment#1: no", "ShippingService.ArrangeShipment#1")


@saga("packed", version=4)
async def packed(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Everything that a plan may hold."""
    await shop.pricing.PriceOrder(PRICE)
    for number, _line in enumerate(order.lines):
        with scope(f"item-{number}"):
            await shop.inventory.ReserveStock(RESERVE)
            try:
                await shop.shipping.ArrangeShipment(ARRANGE)
            except CommandRejected:
                await shop.payment.AuthorizePayment(AUTHORIZE)
    async with timeout(timedelta(minutes=5)):
        await asyncio.gather(shop.payment.AuthorizePayment(AUTHORIZE), shop.shipping.ArrangeShipment(ARRANGE))
    await sleep(timedelta(days=2))
    if (await signal("paid", StringValue)).value == "no":
        return Receipt()
    await child(trip, order)
    await best_effort(shop.email.SendConfirmation(CONFIRM))
    return Receipt()


PACKED = read_plan(packed)


def intended(command: Command, key: str, at: int = 2) -> e.CommandIntended:
    return e.CommandIntended(at, key, command.name, command.effect, b"")


def begun(plan: Plan, *entries: e.Entry) -> SagaState:
    return fold(SAGA, [e.SagaStarted(1, plan.name, plan.version, b""), *entries])


def done(*methods: str) -> list[e.Entry]:
    """These commands of the trip have completed."""
    entries: list[e.Entry] = []
    for method in methods:
        key = f"{COMMANDS[method].short_name}#1"
        entries += [intended(COMMANDS[method], key), e.CommandCompleted(3, key, 1, 2, b"")]
    return entries


def boxes(plan: Plan | None, state: SagaState | None = None) -> list[Box]:
    return [shape for shape in flow_shapes(plan, state) if isinstance(shape, Box)]


def looks(plan: Plan | None, state: SagaState) -> dict[str, str]:
    return {box.cell.title: str(box.cell.look) for box in boxes(plan, state)}


def groups(svg: str, name: str) -> list[ET.Element]:
    """The elements of a class."""
    return [each for each in ET.fromstring(svg).iter() if name in each.get("class", "").split()]


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def overlaps(one: Box, other: Box) -> bool:
    apart = (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )
    return not apart


@pytest.mark.parametrize("plan", [TRIP, PACKED, read_plan(place_order_2)])
def test_every_command_and_every_wait_of_a_plan_has_one_box(plan: Plan) -> None:
    def titles(node: Node) -> Iterator[str]:
        for each in walk(node):
            if isinstance(each, Issue):
                yield each.child.name if each.child else each.command.method
                yield from titles(each.child.root) if each.child else ()
            elif isinstance(each, Wait):
                yield f"signal {each.signal}" if each.signal else "timer"

    assert sorted(box.cell.title for box in boxes(plan)) == sorted(titles(plan.root))


def commands() -> st.SearchStrategy[Node]:
    issues = st.sampled_from(sorted(COMMANDS)).map(lambda method: Issue(COMMANDS[method], 1))
    return issues | st.sampled_from([Wait("sleep(1)", 1), Leave(Way.RETURN, 1), Leave(Way.RAISE, 1), Unread("?", 1)])


def larger(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    bodies = st.lists(nodes, max_size=3).map(lambda found: Sequence(tuple(found)))
    arms = st.builds(
        Arm, st.sampled_from(["else", "if order.lines and order.member or order.total > 7_000"]), bodies, st.just(1)
    )
    several = st.lists(arms, min_size=1, max_size=3).map(tuple)
    return (
        bodies
        | several.map(Branch)
        | st.builds(Try, bodies, several, bodies, bodies, st.just(1))
        | bodies.map(lambda body: Loop("for line in order.lines", body, 1))
        | bodies.map(lambda body: TimeLimit("timeout(timedelta(minutes=5))", body, 1))
        | bodies.map(lambda body: FunctionCall("pay", body, 1))
        | bodies.map(lambda body: Issue(COMMANDS["ReserveStock"], 1, child=ChildSaga("fulfil", 2, body)))
        | st.lists(bodies, min_size=1, max_size=3).map(lambda found: Parallel(tuple(found), 1))
    )


@given(st.recursive(commands(), larger, max_leaves=12))
def test_no_box_overlaps_another_and_none_leaves_the_picture(node: Node) -> None:
    plan = Plan("any", 1, "", Sequence((node,)))
    found = boxes(plan)
    svg = ET.fromstring(flow_svg(plan))

    assert not [(one, other) for one, other in itertools.combinations(found, 2) if overlaps(one, other)]
    for box in found:
        assert 0 < box.x < box.x + box.width < float(svg.get("width", 0))
        assert 0 < box.y < box.y + box.height < float(svg.get("height", 0))


@given(st.recursive(commands(), larger, max_leaves=12))
def test_what_is_in_a_frame_stands_within_its_border(node: Node) -> None:
    shapes = flow_shapes(Plan("any", 1, "", Sequence((node,))))

    for frame in (shape for shape in shapes if isinstance(shape, Frame)):
        for box in (shape for shape in shapes if isinstance(shape, Box)):
            middle = box.x + box.width / 2, box.y + box.height / 2
            if frame.x < middle[0] < frame.x + frame.width and frame.y < middle[1] < frame.y + frame.height:
                assert frame.x < box.x
                assert box.x + box.width < frame.x + frame.width
                assert frame.y < box.y
                assert box.y + box.height < frame.y + frame.height


def test_each_step_of_a_saga_under_way_has_the_class_of_its_state() -> None:
    authorize = COMMANDS["AuthorizePayment"]
    key = f"{authorize.short_name}#1"
    state = begun(TRIP, *done("PriceOrder", "ReserveStock"), intended(authorize, key))

    assert looks(TRIP, state) == {
        "PriceOrder": "done",
        "ReserveStock": "done",
        "AuthorizePayment": "in-progress",
        "ArrangeShipment": "not-begun",
        "CapturePayment": "not-begun",
        "SendConfirmation": "not-begun",
    }
    backs_off = Waiting(WaitReason.BACKOFF, key, authorize.service, 2, 1, 9, None)
    (waits,) = groups(flow_svg(TRIP, state, waiting=[backs_off]), "waiting")[:1]
    assert waits.get("data-keys") == key


def rolled_back(*compensations: e.Entry) -> SagaState:
    """The trip whose shipment was refused, with what came of its rollback."""
    return begun(
        TRIP,
        *done("PriceOrder", "ReserveStock", "AuthorizePayment"),
        intended(COMMANDS["ArrangeShipment"], WHY.step_key),
        e.CommandRefused(5, WHY.step_key, 1, 4, NO),
        e.RollbackBegan(6, WHY),
        e.CompensationBegan(7, "PaymentService.AuthorizePayment#1", "shop.Void.VoidAuthorization", b""),
        e.CompensationBegan(7, "InventoryService.ReserveStock#1", "shop.Stock.ReleaseStock", b""),
        *compensations,
    )


def test_a_rollback_is_numbered_from_the_bottom_to_the_top() -> None:
    state = rolled_back(
        e.CompensationCompleted(8, "PaymentService.AuthorizePayment#1", 1, 7),
        e.CompensationCompleted(9, "InventoryService.ReserveStock#1", 1, 8),
        e.SagaCompensated(10),
    )
    svg = flow_svg(TRIP, state)
    stops = groups(svg, "compensation")
    tops = [float(stop[0].get("y", 0)) for stop in stops]

    assert [stop[2].text for stop in stops] == ["1 VoidAuthorization", "2 ReleaseStock"]
    assert tops == sorted(tops, reverse=True), "the first one stands lowest"
    assert looks(TRIP, state)["ReserveStock"] == "compensated"
    assert looks(TRIP, state)["ArrangeShipment"] == "failed"
    assert looks(TRIP, state)["CapturePayment"] == "skipped"
    assert "compensated" in texts(svg)


def test_a_compensation_that_is_refused_is_shown_where_the_rollback_rests() -> None:
    refused = e.CompensationRejected(8, "PaymentService.AuthorizePayment#1", 1, 7, NO)
    stuck = e.SagaSuspended(9, Reason(ReasonCode.COMPENSATION_REJECTED, "no", refused.key))
    svg = flow_svg(TRIP, rolled_back(refused, stuck))

    assert [stop.get("class") for stop in groups(svg, "compensation")] == [
        "compensation failed",
        "compensation not-begun",
    ]
    assert "its compensation failed" in texts(svg)


def test_a_preview_shows_what_a_cancel_would_compensate_in_its_order() -> None:
    state = begun(TRIP, *done("PriceOrder", "ReserveStock", "AuthorizePayment"))
    keys = ["PaymentService.AuthorizePayment#1", "InventoryService.ReserveStock#1"]
    svg = flow_svg(TRIP, state, preview=keys)

    assert [each.text for each in groups(svg, "number")] == ["1", "2"]
    assert "would be compensated" in texts(svg)


@pytest.mark.parametrize("passed", [False, True])
def test_after_the_pivot_there_is_a_line_over_which_nothing_goes_back(passed: bool) -> None:
    before = ["PriceOrder", "ReserveStock", "AuthorizePayment", "ArrangeShipment"]
    state = begun(TRIP, *done(*before, *(["CapturePayment"] if passed else [])))
    shapes = flow_shapes(TRIP, state)
    (line,) = [shape for shape in shapes if isinstance(shape, PivotLine)]
    by_title = {box.cell.title: box for box in boxes(TRIP, state)}

    assert by_title["CapturePayment"].y + by_title["CapturePayment"].height < line.y < by_title["SendConfirmation"].y
    assert line.passed is passed
    assert line.x <= by_title["CapturePayment"].x


def test_a_step_in_a_loop_has_one_box_that_says_how_often_it_was_taken() -> None:
    entries: list[e.Entry] = []
    for number in range(3):
        key = f"item-{number}/InventoryService.ReserveStock#1"
        entries += [intended(COMMANDS["ReserveStock"], key), e.CommandCompleted(3, key, 1, 2, b"")]
    state = begun(PACKED, *entries[:-1])
    box = next(box for box in boxes(PACKED, state) if box.cell.times == 3)

    assert (box.cell.title, box.cell.look, box.cell.told) == ("ReserveStock", "in-progress", "2 of 3 done")
    assert "\N{MULTIPLICATION SIGN}3" in texts(flow_svg(PACKED, state))


def test_a_wait_is_ahead_then_open_then_over() -> None:
    opened = e.WaitBegan(5, "sleep#1", due_at=90)
    ended = e.WaitEnded(2_000_000_005, "sleep#1", WaitEnd.DUE)
    over = begun(PACKED, opened, ended)

    assert looks(PACKED, begun(PACKED))["timer"] == "not-begun"
    assert looks(PACKED, begun(PACKED, opened))["timer"] == "waiting"
    assert looks(PACKED, over)["timer"] == "done"
    assert "its time came after 2.0 s" in texts(flow_svg(PACKED, over))


def test_without_the_code_the_steps_that_happened_are_drawn() -> None:
    state = rolled_back()

    assert list(looks(None, state)) == ["PriceOrder", "ReserveStock", "AuthorizePayment", "ArrangeShipment"]
    assert groups(flow_svg(None, state), "compensation")


def test_without_the_code_a_child_has_the_name_of_its_saga() -> None:
    child = e.CommandIntended(9, "saga.trip.v2#1", "saga.trip.v2", COMMANDS["ReserveStock"].effect, b"")

    assert list(looks(None, begun(TRIP, child))) == ["trip.v2"]


def test_what_the_plan_does_not_name_is_drawn_apart() -> None:
    stray = e.CommandIntended(9, "Stray.Do#1", "any.Stray.Do", COMMANDS["ReserveStock"].effect, b"")
    svg = flow_svg(TRIP, begun(TRIP, stray))

    assert "what the plan does not name" in texts(svg)
    assert "Do" in texts(svg)


def test_the_steps_of_a_child_saga_are_drawn_with_its_own_state() -> None:
    command = next(step.command for step in PACKED.steps() if step.command.service == "saga")
    key = f"{command.short_name}#1"
    parent = begun(PACKED, intended(command, key))
    inside = begun(TRIP, *done("PriceOrder"))
    svg = flow_svg(PACKED, parent, children={key: inside})

    assert "PricingService.PriceOrder#1" in [each.get("data-keys") for each in groups(svg, "done")]
    assert "in trip v1" in texts(svg)


def test_a_picture_is_read_as_its_title_and_its_description() -> None:
    svg = ET.fromstring(flow_svg(TRIP, rolled_back(), name="order"))
    told = {each.get("id"): each.text for each in svg if each.get("id")}

    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == "order-title order-desc"
    assert told["order-title"] == "The steps of trip v1, which is compensating"
    assert "ArrangeShipment: refused" in (told["order-desc"] or "")


def test_a_picture_in_a_page_has_no_style_of_its_own_and_one_in_a_file_carries_it() -> None:
    in_page, in_file = flow_svg(PACKED), flow_svg(PACKED, style=style_sheet())

    assert " style=" not in in_page
    assert "<style>" not in in_page
    assert "<style>" in in_file
    assert "<script" not in in_file
    ET.fromstring(in_file)


def test_texts_of_participants_cannot_break_the_picture() -> None:
    svg = flow_svg(TRIP, rolled_back())

    assert "<tags>" not in svg
    assert "\x00" not in svg
    ET.fromstring(svg)


def test_a_saga_without_steps_has_a_beginning_and_an_end() -> None:
    assert texts(flow_svg(Plan("nothing", 1, "", Sequence()))) == ["nothing v1", "completed"]
