"""What must be true of the traces: one for each order, with one root, from which everything can be reached."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import Effect
from orchestrator.contract.reader import read_service
from orchestrator.shop.demo.otlp import loose_links, orphans, roots
from orchestrator.shop.place_order import place_order
from tests.crash.orders import COMPLETED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.shop.demo.otlp import Collector, Trace
    from tests.crash.orders import Placed

_PAUSE_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 15.0
_ROOT: Final = "saga place_order"
# A query has no durable intent. Where the orchestrator dies while one is under way, and the order rolls back before it
# is asked again, the journal does not know of it, and no span tells of the attempt that its participant saw.
_QUERIES: Final = frozenset(
    f"{participant.service.full_name}/{name}"
    for participant in place_order.participants
    for name, command in read_service(participant.service).items()
    if command.effect is Effect.QUERY
)


async def broken_traces(collector: Collector, orders: Iterable[Placed]) -> list[str]:
    """What is wrong with the traces of these orders, all of which have ended; spans may arrive for a while."""
    wanted = list(orders)
    clock = asyncio.get_running_loop().time
    deadline = clock() + _PATIENCE_SECONDS
    while (problems := _broken(collector, wanted)) and clock() < deadline:  # noqa: ASYNC110 - it has its own threads
        await asyncio.sleep(_PAUSE_SECONDS)
    return problems


def _broken(collector: Collector, orders: Iterable[Placed]) -> list[str]:
    traces = collector.traces
    problems = [f"spans that arrived in two versions: {pair}" for pair in collector.conflicts]
    of_order: dict[str, set[str]] = {}
    for trace_id, trace in traces.items():
        for span in trace:
            if "saga.id" in span.attributes:
                of_order.setdefault(span.attributes["saga.id"], set()).add(trace_id)
    for order in orders:
        assert order.seen is not None
        told, found = order.seen.trace_id, of_order.get(order.order_id, set())
        about = f"{order.kind.name} order {order.order_id}"
        if found != {told}:
            problems.append(f"{about} says that its trace is {told}; its spans are in {sorted(found)}")
        excused = frozenset[str]() if order.seen.status == COMPLETED else _QUERIES
        problems += [f"{about}: {problem}" for problem in _broken_trace(traces.get(told, ()), excused)]
    return problems


def _broken_trace(trace: Trace, excused: frozenset[str]) -> Iterator[str]:
    if [root.name for root in roots(trace)] != [_ROOT]:
        yield f"its trace has the roots {[root.name for root in roots(trace)]}"
    if lost := [span for span in orphans(trace) if span.name not in excused]:
        yield f"spans without their parents: {[(span.service, span.name) for span in lost]}"
    if loose := loose_links(trace):
        yield f"links that lead nowhere: {[span.name for span in loose]}"
