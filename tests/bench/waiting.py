"""Parked sagas: what they cost a process that starts, how late they are woken, and what a new saga has to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from orchestrator.errors import OrchestratorError
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from orchestrator.store.opening import open_store
from tests.bench.parked import DEFINITION, OWNER, Waker, park
from tests.bench.processes import BenchFailed, last_words, running
from tests.bench.results import LATE_GOAL, PARKED_MEMORY_GOAL, STORED_GOAL, Finding
from tests.bench.rounds import closed_loop
from tests.bench.session import say
from tests.bench.spread import Spread, quantile
from tests.support.journals import EVERY_ENTRY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from orchestrator.ports.journal import Journal
    from tests.bench.session import Session

_FAR: Final = 24 * 3600 * 10**9
_RATE: Final = 200
_SECONDS: Final = 10
_IN_FLIGHT: Final = 8
_STARTS: Final = 400
_MIB: Final = 1 << 20
_MILLI: Final = 1e3
_PATIENCE_SECONDS: Final = 900.0
_PAUSE_SECONDS: Final = 0.02


async def waiting(session: Session) -> None:
    """Sagas that sleep till tomorrow, on SQLite and on PostgreSQL, and others that are due now."""
    places: dict[str, Callable[[str], str]] = {
        "SQLite": lambda name: f"sqlite:{session.folder / f'{name}.db'}",
        "PostgreSQL": lambda _: session.databases.new(),
    }
    for store, place in places.items():
        empty, full = place("parked-none"), place("parked")
        await _fill(empty, 0)
        took = await _fill(full, session.options.parked)
        say(f"waiting: {session.options.parked} parked sagas written on {store} in {took:.0f} s")
        await _opening(session, store, empty, full)
        async with _opened(full) as journal:
            await _lateness(session, store, journal)
        async with _opened(place("parked-due")) as journal:
            await _all_at_once(session, store, journal)


async def _fill(url: str, number: int) -> float:
    began = time.perf_counter()
    async with _opened(url) as journal:
        now = await journal.heartbeat(OWNER, 1)
        await park(journal, [now + _FAR + each for each in range(number)], say)
        await journal.release(OWNER)
    return time.perf_counter() - began


async def _opening(session: Session, store: str, empty: str, full: str) -> None:
    """A process that opens the store: its time and its memory, beside none that is parked."""
    rounds = [[await _opened_once(session, url) for url in (empty, full)] for _ in range(session.options.rounds)]
    number = session.options.parked
    note = f"{number} parked sagas, a process of its own, until it has looked for work once"
    took = Spread.of(beside / alone for (alone, _), (beside, _) in rounds)
    more = Spread.of((beside - alone) / _MIB for (_, alone), (_, beside) in rounds)
    say(f"waiting: {store} is opened in {took.median:.2f} of the time beside none, with {more.median:.1f} MiB more")
    session.results.findings += [
        Finding(f"{store}: opening beside parked sagas to opening beside none", took, "", STORED_GOAL, note),
        Finding(
            f"{store}: the same, in milliseconds",
            Spread.of(beside * _MILLI for _, (beside, _) in rounds),
            "ms",
            None,
            note,
        ),
        Finding(f"{store}: memory that parked sagas add", more, "MiB", PARKED_MEMORY_GOAL, note),
    ]


async def _opened_once(session: Session, url: str) -> tuple[float, float]:
    with running("tests.bench.opening", url, path=session.stubs) as process:
        assert process.stdout is not None
        line = (await asyncio.to_thread(process.stdout.readline)).split()
        if not line:
            raise BenchFailed(f"the store could not be opened: {last_words(process)}")
    return float(line[0]), float(line[1])


async def _lateness(session: Session, store: str, journal: Journal) -> None:
    """Timers that fire at a steady rate, beside those that sleep."""
    first = await journal.heartbeat(OWNER, 1) + 2 * 10**9
    due = [first + each * 10**9 // _RATE for each in range(_RATE * _SECONDS)]
    saga_ids = await park(journal, due, say)
    async with _waking(journal) as waker:
        await _until(lambda: waker.ended >= len(due), "timers")
    late = [(waker.woken_at[saga_id] - wake_at) / 1e9 for saga_id, wake_at in zip(saga_ids, due, strict=True)]
    note = f"{_RATE} a second for {_SECONDS} s, beside {session.options.parked} that sleep"
    say(f"waiting: {store} wakes half of them {quantile(late, 0.5) * _MILLI:.0f} ms late, all {max(late):.2f} s")
    session.results.findings += [
        Finding(f"{store}: half of the timers are late by at most", Spread.of([quantile(late, 0.5)]), "s", None, note),
        Finding(f"{store}: every timer is late by at most", Spread.of([max(late)]), "s", LATE_GOAL, note),
        Finding(f"{store}: no timer is early, and so late by at least", Spread.of([min(late)]), "s", None, note),
    ]


async def _all_at_once(session: Session, store: str, journal: Journal) -> None:
    """As many as sleep elsewhere, and all are due: how quick, in which order, and how long a new saga takes."""
    number = session.options.parked
    start = await journal.heartbeat(OWNER, 1) - number * 1000
    saga_ids = await park(journal, [start + each * 1000 for each in range(number)], say)
    alone = await closed_loop(_starting(journal, "alone"), _STARTS, _IN_FLIGHT)
    began = time.perf_counter()
    async with _waking(journal) as waker:
        beside = await closed_loop(_starting(journal, "beside"), _STARTS, _IN_FLIGHT)
        await _until(lambda: waker.ended >= number, "sagas that are due at once")
        rate = number / (time.perf_counter() - began)
    order = {saga_id: place for place, saga_id in enumerate(saga_ids)}
    places = [order[saga_id] for saga_id in waker.woken_at]
    astray = max(abs(place - each) for each, place in enumerate(places))
    longer = Spread.of([quantile(beside, 0.99) / quantile(alone, 0.99)])
    say(f"waiting: {store} wakes {rate:.0f}/s of {number} that are due at once, none more than {astray} places astray")
    note = f"{number} that are due at once; a new saga is one append, {_IN_FLIGHT} at a time"
    session.results.findings += [
        Finding(f"{store}: sagas that are due at once, woken and ended", Spread.of([rate]), "/s", None, note),
        Finding(f"{store}: places by which one is woken out of order, at most", Spread.of([astray]), "", None, note),
        Finding(f"{store}: 99 of a hundred starts during that, to those before", longer, "", None, note),
    ]


def _starting(journal: Journal, name: str) -> Callable[[int], Awaitable[None]]:
    """Writes the start of a new saga."""

    async def start(number: int) -> None:
        new = NewSaga(*DEFINITION, b"digest", time.time_ns(), ())
        await journal.append(Append(f"{name}-{number}", OWNER, 1, 0, EVERY_ENTRY[:1], Status.RUNNING, None, new))

    return start


@contextlib.asynccontextmanager
async def _waking(journal: Journal) -> AsyncIterator[Waker]:
    waker = Waker(journal)
    running_it = asyncio.ensure_future(waker.run())
    try:
        yield waker
    finally:
        running_it.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running_it


@contextlib.asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Journal]:
    journal = await open_store(url)
    try:
        yield journal
    finally:
        with contextlib.suppress(OrchestratorError):
            await journal.close()


async def _until(is_so: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not is_so():  # noqa: ASYNC110 - nobody tells of the last one
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        raise BenchFailed(f"not all {what} were woken within {_PATIENCE_SECONDS:g} s") from None
