"""What was ordered by day, which products, and why orders failed: from the journal, so the same on every replica."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.figures import DAY, STARTED, Counted, Step, Window
from orchestrator.shop.order_service import DEFINITION
from orchestrator.shop.pages.pictures import PICTURES, UNKNOWN
from orchestrator.shop.pages.words import of_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console
    from orchestrator.shop.pages.sales import Sales, Sold

PERIODS: Final = (7, 30, 90)
"""For how many days the page can be asked."""

_SECOND: Final = 1_000_000_000
_REFRESH_SECONDS: Final = 3.0

CHART_WIDTH: Final = 720
CHART_HEIGHT: Final = 160
_TOP: Final = 4
_GAP: Final = 0.28
_NAMES: Final = 7


class DayShown(NamedTuple):
    """One day, in UTC.

    Attributes:
        date: such as ``2026-11-26``.
        placed: orders placed on it.
        received: orders that completed on it.
        gone: orders that were rolled back on it.
    """

    date: str
    placed: int
    received: int
    gone: int


class Bar(NamedTuple):
    """A rectangle of the chart, in its units."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class ReasonShown(NamedTuple):
    """Why orders failed.

    Attributes:
        words: to a customer.
        command: the rpc that was refused; empty where none was.
        code: the kind of reason.
        number: how many orders.
    """

    words: str
    command: str
    code: str
    number: int


class ProductShown(NamedTuple):
    """How much of a product was ordered, and how much of that was received."""

    sku: str
    picture: str
    ordered: int
    received: int


@dataclass(frozen=True, slots=True)
class DaysPage:
    """Shows the days.

    Attributes:
        console: what every page has at hand.
        sales: counts products.
    """

    console: Console
    sales: Sales

    async def show(self, request: Request) -> Response:
        """The last days, the newest first; and the products and the reasons of all of them, or of one."""
        asked, on = request.query_params.get("days", ""), day_of(request.query_params.get("on", ""))
        length = int(asked) if asked in map(str, PERIODS) else PERIODS[0]

        async def view() -> Mapping[str, Any]:
            now = self.console.clock.now()
            window = Window.of((now // DAY - length + 1) * DAY, now + 1, Step.DAY, now, DEFINITION)
            since, until = (window.since, window.until) if on is None else (on, on + DAY)
            counted = await self.console.sagas.figures(window)
            sold = await self.sales.of(SagaFilter(definition=DEFINITION, started_from=since, started_before=until))
            days = days_shown(counted, window)
            return {
                "on": "" if on is None else date_of(on),
                "length": length,
                "periods": PERIODS,
                "days": days[::-1],
                "bars": bars(days),
                "size": (CHART_WIDTH, CHART_HEIGHT),
                "names": names(days),
                "products": products_shown(sold),
                "sold": sold,
                "reasons": reasons_shown(each for each in counted if since <= each.at < until),
            }

        return await self.console.show(request, "shop/days", view, seconds=_REFRESH_SECONDS)


def day_of(date: str) -> int | None:
    """When a day such as ``2026-11-26`` begins, nanoseconds since the epoch, UTC; ``None`` for what is none."""
    try:
        return int(datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * _SECOND
    except (ValueError, OverflowError):
        return None


def date_of(day: int) -> str:
    """How the day that begins then is written."""
    return datetime.fromtimestamp(day // _SECOND, UTC).date().isoformat()


def days_shown(counted: Iterable[Counted], window: Window) -> list[DayShown]:
    """Every day of a window, the earliest first; one without orders, too."""
    numbers: Counter[tuple[int, Status]] = Counter()
    for each in counted:
        numbers[each.at // DAY, each.status] += each.number
    return [
        DayShown(
            date_of(day * DAY),
            numbers[day, STARTED],
            numbers[day, Status.COMPLETED],
            numbers[day, Status.COMPENSATED] + numbers[day, Status.PARTIALLY_COMPENSATED],
        )
        for day in range(window.since // DAY, window.until // DAY)
    ]


def bars(days: Sequence[DayShown]) -> list[Bar]:
    """Two columns a day: what was placed, and beside it what ended, one end upon the other."""
    most = max((max(day.placed, day.received + day.gone) for day in days), default=0)
    if not most:
        return []
    slot, unit = CHART_WIDTH / len(days), (CHART_HEIGHT - _TOP) / most
    width = slot * (1 - _GAP) / 2
    found: list[Bar] = []
    for number, day in enumerate(days):
        left = number * slot + slot * _GAP / 2
        received, gone = day.received * unit, day.gone * unit
        found += [
            _bar("placed", left, CHART_HEIGHT, width, day.placed * unit),
            _bar("good", left + width, CHART_HEIGHT, width, received),
            _bar("gone", left + width, CHART_HEIGHT - received, width, gone),
        ]
    return [bar for bar in found if bar.height]


def names(days: Sequence[DayShown]) -> list[str]:
    """What stands below each day of the chart: its month and day, or nothing where the days are many."""
    every, last = -(-len(days) // _NAMES), len(days) - 1
    return ["" if (last - number) % every else day.date[5:] for number, day in enumerate(days)]


def reasons_shown(counted: Iterable[Counted]) -> list[ReasonShown]:
    """Why orders were rolled back, the most frequent reason first."""
    numbers: Counter[tuple[str, str]] = Counter()
    for each in counted:
        if each.status not in {STARTED, Status.COMPLETED}:
            numbers[each.command, each.code] += each.number
    return [
        ReasonShown(_words(command, code), command.rpartition(".")[2], code, number)
        for (command, code), number in sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
        if number
    ]


def products_shown(sold: Sold) -> list[ProductShown]:
    """What was ordered, the most pieces first."""
    return [
        ProductShown(sku, PICTURES.get(sku, UNKNOWN).name, ordered, sold.received[sku])
        for sku, ordered in sorted(sold.pieces.items(), key=lambda item: (-item[1], item[0]))
    ]


def _words(command: str, code: str) -> str:
    match code:
        case ReasonCode.CANCELLED:
            return "The customer cancelled"
        case ReasonCode.TIMED_OUT | ReasonCode.DEADLINE:
            return "It took too long"
        case _ if command:
            return of_step(command).refused
        case ReasonCode.REJECTED:
            return "The shop said no"
        case _:
            return "Something else"


def _bar(kind: str, x: float, floor: float, width: float, height: float) -> Bar:
    return Bar(kind, round(x, 1), round(floor - height, 1), round(width, 1), round(height, 1))
