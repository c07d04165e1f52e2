"""Finished sagas in the store: what they cost a new saga, and how long one waits for a start, a saga, a list."""

from __future__ import annotations

import contextlib
import random
import statistics
import time
from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from tests.bench.checkout.sagas import checkout
from tests.bench.contenders import Sagas, order
from tests.bench.filling import filled
from tests.bench.journals import fill, recorded
from tests.bench.replicas import in_file, opened_replica
from tests.bench.results import STORED_GOAL, Finding
from tests.bench.rounds import closed_loop, interleaved
from tests.bench.session import say
from tests.bench.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.bootstrap import OpenedReplica
    from tests.bench.session import Session

_IN_FLIGHT = 32
_PAGE = 50
_MILLI = 1e3
_GETS = 300
_LISTS = 30
_CLAIM = 500
_QUESTIONS = 200
_FILTERS = {
    "": SagaFilter(),
    " that are running": SagaFilter(statuses=frozenset({Status.RUNNING})),
    " that were compensated, of which there are none": SagaFilter(statuses=frozenset({Status.COMPENSATED})),
}


async def stored(session: Session) -> None:
    """Sagas on an empty store and on a filled one, in interleaved rounds; then what else the filled one is asked."""
    folder, address = session.folder, session.participant.address
    async with contextlib.AsyncExitStack() as stack:
        empty = await stack.enter_async_context(opened_replica(in_file(folder / "stored-none.db"), address))
        began = time.perf_counter()
        saga_ids = await fill(folder / "stored.db", await recorded(empty, checkout, order()), session.options.stored)
        say(f"stored: {len(saga_ids)} sagas written in {time.perf_counter() - began:.0f} s")
        await _compare(session, stack, "SQLite", empty, in_file(folder / "stored.db"), saga_ids)


async def stored_on_postgres(session: Session) -> None:
    """The same on PostgreSQL."""
    url, address = session.databases.new(), session.participant.address
    async with contextlib.AsyncExitStack() as stack:
        empty = await stack.enter_async_context(opened_replica(session.databases.new(), address))
        began = time.perf_counter()
        saga_ids = await filled(url, await recorded(empty, checkout, order()), session.options.stored)
        say(f"stored on PostgreSQL: {len(saga_ids)} sagas written in {time.perf_counter() - began:.0f} s")
        await _compare(session, stack, "PostgreSQL", empty, url, saga_ids)


async def _compare(
    session: Session, stack: contextlib.AsyncExitStack, store: str, empty: OpenedReplica, url: str, saga_ids: list[str]
) -> None:
    began = time.perf_counter()
    beside_many = await stack.enter_async_context(opened_replica(url, session.participant.address))
    opening = time.perf_counter() - began
    _add(session, f"{store}: open a replica", [opening])
    # First, while neither store holds what the rounds leave behind until PostgreSQL has vacuumed it.
    await _independent(session, store, empty, beside_many)
    for request_ids in (False, True):
        await _new_sagas(session, store, empty, beside_many, request_ids=request_ids)
    await _asked(session, store, beside_many, saga_ids)


async def _new_sagas(
    session: Session, store: str, empty: OpenedReplica, beside_many: OpenedReplica, *, request_ids: bool
) -> None:
    options = session.options
    none, beside = await interleaved(
        [
            Sagas("beside none", empty, request_ids=request_ids),
            Sagas("beside many", beside_many, request_ids=request_ids),
        ],
        session.watched,
        rounds=options.rounds,
        number=options.sagas_at(_IN_FLIGHT),
        in_flight=_IN_FLIGHT,
    )
    name = (
        f"{store}: a new saga {'with' if request_ids else 'without'} a request id beside {options.stored} finished ones"
    )
    slower = Spread(1 / beside.ratio.median, 1 / beside.ratio.highest, 1 / beside.ratio.lowest)
    say(f"stored: {name}: {beside.rate.median:.0f}/s, beside none {none.rate.median:.0f}/s")
    note = f"time each at {_IN_FLIGHT} in flight; CPU is that of the orchestrator's process"
    session.results.findings += [
        Finding(f"{name}: time to that beside none", slower, "", STORED_GOAL, note),
        Finding(f"{name}: CPU to that beside none", beside.cpu_ratio, "", None, note),
    ]


async def _independent(session: Session, store: str, empty: OpenedReplica, beside_many: OpenedReplica) -> None:
    """What finished sagas must not make slower: a claim that finds nothing, and the counts that GetStatistics tells."""

    def claim(replica: OpenedReplica) -> Awaitable[object]:
        return replica.sagas.worker.adapters.journal.claim_unfinished("another", _CLAIM)

    def count(replica: OpenedReplica) -> Awaitable[object]:
        return replica.sagas.worker.adapters.journal.count()

    for name, question in (("claim what no replica advances", claim), ("count sagas by status", count)):
        took: tuple[list[float], list[float]] = [], []
        for _ in range(_QUESTIONS):
            for replica, seconds in zip((empty, beside_many), took, strict=True):
                began = time.perf_counter()
                await question(replica)
                seconds.append(time.perf_counter() - began)
        none, many = (statistics.median(seconds) for seconds in took)
        _add(session, f"{store}: {name}", took[1])
        note = f"of the medians of {_QUESTIONS} questions each, taking turns; beside none {none * _MILLI:.2f} ms"
        value = Spread.of([many / none])
        session.results.findings.append(
            Finding(f"{store}: {name}: time to that beside none", value, "", STORED_GOAL, note)
        )


async def _asked(session: Session, store: str, beside_many: OpenedReplica, saga_ids: list[str]) -> None:
    some = random.Random(0).choices(saga_ids, k=_GETS)

    async def get(number: int) -> object:
        return await beside_many.sagas.worker.get(some[number])

    await _ask(session, f"{store}: get a saga", get, _GETS)
    for which, where in _FILTERS.items():

        async def search(_number: int, where: SagaFilter = where) -> object:
            return await beside_many.sagas.search(where, _PAGE, "")

        await _ask(session, f"{store}: list the newest {_PAGE} sagas{which}", search, _LISTS)


async def _ask(session: Session, name: str, question: Callable[[int], Awaitable[object]], number: int) -> None:
    async def ask(each: int) -> None:
        await question(each)

    took = await closed_loop(ask, number, 1)
    _add(session, name, took)


def _add(session: Session, name: str, took: list[float]) -> None:
    value = Spread.of(seconds * _MILLI for seconds in took)
    note = f"with {session.options.stored} sagas in the store"
    session.results.findings.append(Finding(name, value, "ms", None, note))
