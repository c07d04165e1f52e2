"""How many products were ordered, read from the inputs of the orders' sagas: the journal's own truth.

An input never changes, so each is read once, and kept here as long as this process runs. One answer reads so many at
most that it comes soon; the next one reads on, and says how far it has come. The count is the same on every replica,
and after a restart, when all inputs are read anew.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import Status
from shop.order.v1.order_service_pb2 import StartOrderRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.engine.sagas import Sagas
    from orchestrator.ports.catalogue import SagaFilter, SagaRecord

MOST_ORDERS: Final = 3_000
"""The newest orders of a time whose products are counted; older ones are not."""

_MOST_READ: Final = 2_000
_MOST_KEPT: Final = 50_000
_PAGE: Final = 1_000

Lines = tuple[tuple[str, int], ...]


class Sold(NamedTuple):
    """The products of some orders.

    Attributes:
        pieces: how many of each were ordered, by sku.
        received: the same of those orders that have completed.
        orders: how many orders were counted.
        unread: how many of the newest are to be counted yet.
        older: there are older ones, which are not counted.
    """

    pieces: Counter[str]
    received: Counter[str]
    orders: int
    unread: int
    older: bool


class Sales:
    """Counts products.

    Args:
        sagas: the engine. Only what the caller may see is counted.
    """

    def __init__(self, sagas: Sagas) -> None:
        self._sagas = sagas
        self._known: OrderedDict[str, Lines] = OrderedDict()
        self._same: dict[Lines, Lines] = {}

    async def of(self, where: SagaFilter) -> Sold:
        """The products of the orders of a filter."""
        records, older = await self._newest(where)
        unknown = [record.saga_id for record in records if record.saga_id not in self._known]
        await self._read(unknown[:_MOST_READ])
        return counted(records, self._known, older=older)

    async def _newest(self, where: SagaFilter) -> tuple[list[SagaRecord], bool]:
        found: list[SagaRecord] = []
        token = ""
        while len(found) < MOST_ORDERS:
            page, token = await self._sagas.search(where, _PAGE, token)
            found += page
            if not token:
                return found, False
        return found[:MOST_ORDERS], True

    async def _read(self, saga_ids: Sequence[str]) -> None:
        """Learn the lines of these orders; one that was deleted since it was found has none."""
        for saga_id, order in (await self._sagas.inputs(saga_ids)).items():
            lines = tuple((line.sku, line.quantity) for line in StartOrderRequest.FromString(order).lines)
            # Most orders are of the same few products, and share what is kept of them.
            self._known[saga_id] = self._same.setdefault(lines, lines)
        while len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)


def counted(records: Sequence[SagaRecord], known: Mapping[str, Lines], *, older: bool) -> Sold:
    """The products of those orders whose lines are known."""
    from_known = [(record, known[record.saga_id]) for record in records if record.saga_id in known]
    return Sold(
        pieces=_pieces(lines for _, lines in from_known),
        received=_pieces(lines for record, lines in from_known if record.status is Status.COMPLETED),
        orders=len(from_known),
        unread=len(records) - len(from_known),
        older=older,
    )


def _pieces(orders: Iterable[Lines]) -> Counter[str]:
    pieces: Counter[str] = Counter()
    for lines in orders:
        for sku, number in lines:
            pieces[sku] += number
    return pieces
