"""What was ordered by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter, SagaRecord
from orchestrator.ports.figures import DAY, STARTED, Counted, Step, Window
from orchestrator.shop.pages import sales
from orchestrator.shop.pages.days import (
    CHART_HEIGHT,
    CHART_WIDTH,
    DayShown,
    bars,
    date_of,
    day_of,
    days_shown,
    names,
    products_shown,
    reasons_shown,
)
from orchestrator.shop.pages.sales import Sales
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.sagas import Sagas

FIRST = 20_000 * DAY
WINDOW = Window(FIRST, FIRST + 3 * DAY, Step.DAY)
DECLINED = "shop.payment.v1.PaymentService.AuthorizePayment"


def counted(day: int, status: Status, number: int, command: str = "", code: str = "") -> Counted:
    return Counted(FIRST + day * DAY, "place_order", status, 0, code, command, number)


def test_every_day_is_shown_also_one_without_orders() -> None:
    days = days_shown(
        [
            counted(0, STARTED, 5),
            counted(0, Status.COMPLETED, 3),
            counted(2, Status.COMPLETED, 1),
            counted(2, Status.COMPENSATED, 1, DECLINED, "REJECTED"),
            counted(2, Status.PARTIALLY_COMPENSATED, 1),
        ],
        WINDOW,
    )
    assert days == [("2024-10-04", 5, 3, 0), ("2024-10-05", 0, 0, 0), ("2024-10-06", 0, 1, 2)]


def test_the_reasons_are_in_a_customers_words_the_most_frequent_first() -> None:
    reasons = reasons_shown(
        [
            counted(0, STARTED, 9),
            counted(0, Status.COMPENSATED, 1, "", "CANCELLED"),
            counted(1, Status.COMPENSATED, 2, DECLINED, "REJECTED"),
            counted(2, Status.COMPENSATED, 3, DECLINED, "REJECTED"),
            counted(2, Status.COMPENSATED, 1, "", "REJECTED"),
        ]
    )
    assert [(reason.words, reason.command, reason.number) for reason in reasons] == [
        ("Your bank declined the card", "AuthorizePayment", 5),
        ("The customer cancelled", "", 1),
        ("The shop said no", "", 1),
    ]


def test_the_columns_of_the_chart_stand_on_its_floor_and_fill_it() -> None:
    found = bars([DayShown("2024-10-04", 10, 6, 4), DayShown("2024-10-05", 5, 0, 0)])
    assert [bar.kind for bar in found] == ["placed", "good", "gone", "placed"]
    placed, good, gone, half = found
    assert placed.height == good.height + gone.height == 2 * half.height
    assert placed.y + placed.height == good.y + good.height == half.y + half.height == CHART_HEIGHT
    assert gone.y + gone.height == good.y
    assert all(bar.x >= 0 and bar.x + bar.width <= CHART_WIDTH for bar in found)


@pytest.mark.parametrize("typed", ["", "yesterday", "2024-13-01", "99999-01-01", "2024-10-04x"])
def test_a_day_that_is_none_stands_for_no_day(typed: str) -> None:
    assert day_of(typed) is None


def test_a_day_is_written_as_it_was_read() -> None:
    assert date_of(FIRST) == "2024-10-04"
    assert day_of("2024-10-04") == FIRST


def test_no_chart_is_drawn_of_nothing() -> None:
    assert bars([DayShown("2024-10-04", 0, 0, 0)]) == []


@pytest.mark.parametrize(("length", "named"), [(7, 7), (30, 6), (90, 7)])
def test_the_last_day_has_a_name_and_not_more_than_seven_have(length: int, named: int) -> None:
    shown = names([DayShown(f"2024-01-{number:02}", 0, 0, 0) for number in range(length)])
    assert shown[-1]
    assert len(list(filter(None, shown))) == named


class Orders:
    """An engine that has these orders, the newest first."""

    def __init__(self, *orders: tuple[Status, dict[str, int]]) -> None:
        self.orders = {f"order-{number}": order for number, order in enumerate(orders)}
        self.read: list[str] = []
        self.deleted: set[str] = set()

    async def search(self, where: SagaFilter, limit: int, page_token: str) -> tuple[list[SagaRecord], str]:
        assert where.definition == "place_order"
        start = int(page_token or 0)
        page = list(self.orders.items())[start : start + limit]
        records = [SagaRecord(name, "place_order", 2, status, b"", 0, None, (), 1) for name, (status, _) in page]
        return records, str(start + limit) if start + limit < len(self.orders) else ""

    async def inputs(self, saga_ids: Sequence[str]) -> dict[str, bytes]:
        self.read += saga_ids
        return {saga_id: self._input(saga_id) for saga_id in saga_ids if saga_id not in self.deleted}

    def _input(self, saga_id: str) -> bytes:
        lines = [Line(sku=sku, quantity=number) for sku, number in self.orders[saga_id][1].items()]
        return StartOrderRequest(lines=lines).SerializeToString()


WHERE = SagaFilter(definition="place_order")


def sales_of(orders: Orders) -> Sales:
    engine: Sagas = orders  # type: ignore[assignment]  # no more of it is asked
    return Sales(engine)


async def test_the_pieces_of_all_orders_are_counted_and_those_that_were_received() -> None:
    orders = Orders(
        (Status.COMPLETED, {"MUG-BLUE": 2, "TEE-M": 1}),
        (Status.COMPENSATED, {"MUG-BLUE": 5}),
        (Status.RUNNING, {"PIANO-GRAND": 1}),
    )
    sold = await sales_of(orders).of(WHERE)
    assert [(each.sku, each.picture, each.ordered, each.received) for each in products_shown(sold)] == [
        ("MUG-BLUE", "mug", 7, 2),
        ("PIANO-GRAND", "piano", 1, 0),
        ("TEE-M", "tee", 1, 1),
    ]
    assert (sold.orders, sold.unread, sold.older) == (3, 0, False)


async def test_each_input_is_read_once_and_a_later_end_counts_all_the_same() -> None:
    orders = Orders((Status.RUNNING, {"MUG-BLUE": 2}))
    counter = sales_of(orders)
    assert (await counter.of(WHERE)).received["MUG-BLUE"] == 0
    orders.orders["order-0"] = (Status.COMPLETED, {"MUG-BLUE": 2})
    assert (await counter.of(WHERE)).received["MUG-BLUE"] == 2
    assert orders.read == ["order-0"]


async def test_one_answer_reads_a_few_and_the_next_ones_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sales, "_MOST_READ", 2)
    orders = Orders(*[(Status.COMPLETED, {"MUG-BLUE": 1})] * 5)
    counter = sales_of(orders)
    told = [await counter.of(WHERE) for _ in range(4)]
    assert [(each.orders, each.unread, each.pieces["MUG-BLUE"]) for each in told] == [
        (2, 3, 2),
        (4, 1, 4),
        (5, 0, 5),
        (5, 0, 5),
    ]


async def test_the_newest_orders_are_counted_and_the_answer_says_that_there_are_older_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sales, "MOST_ORDERS", 3)
    monkeypatch.setattr(sales, "_PAGE", 2)
    sold = await sales_of(Orders(*[(Status.COMPLETED, {"MUG-BLUE": 1})] * 5)).of(WHERE)
    assert (sold.orders, sold.older) == (3, True)


async def test_an_order_that_was_deleted_while_they_were_counted_is_not_counted() -> None:
    orders = Orders((Status.COMPLETED, {"MUG-BLUE": 1}), (Status.COMPLETED, {"MUG-BLUE": 1}))
    orders.deleted.add("order-1")
    assert (await sales_of(orders).of(WHERE)).orders == 1


async def test_not_more_orders_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sales, "_MOST_KEPT", 2)
    orders = Orders(*[(Status.COMPLETED, {"MUG-BLUE": 1})] * 3)
    counter = sales_of(orders)
    await counter.of(WHERE)
    assert len(counter._known) == 2
