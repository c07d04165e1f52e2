"""What the console costs: sagas with and without open pages, and how long each page takes beside many sagas."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

import httpx2

from orchestrator.access.facades import Facades, narrowed
from orchestrator.access.fingerprints import fingerprint, new_token
from orchestrator.access.opening import AccessSettings, open_authentication
from orchestrator.api.admission import Admission, StartLimits
from orchestrator.api.application import Application
from orchestrator.api.starts import Starts
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.channels.nats.dead_letters import NatsDeadCommands
from orchestrator.console.opening import ConsoleSettings, open_console
from tests.bench.checkout.sagas import checkout
from tests.bench.contenders import Sagas, order
from tests.bench.journals import fill, recorded
from tests.bench.processes import BenchFailed, running
from tests.bench.replicas import in_file, opened_replica
from tests.bench.results import CONSOLE_GOAL, PAGE_GOAL, Finding
from tests.bench.rounds import closed_loop
from tests.bench.session import say
from tests.bench.spread import Spread

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator
    from pathlib import Path

    import grpc.aio

    from orchestrator.bootstrap import OpenedReplica
    from orchestrator.console.server import ConsoleServer
    from tests.bench.session import Session

_OPEN = 50
_IN_FLIGHT = 32
_ASKED = 15
_MILLI = 1e3
_FOLLOWED = ("/", "/sagas", "/sagas?status=running", "/sagas?definition=checkout&status=completed", "/definitions")
_PAGES = (
    *_FOLLOWED,
    "/?period=quarter",
    "/sagas?status=compensated&reason=declined",
    "/sagas?command=Settle",
    "/definitions/checkout/1",
    "/bulk",
    "/schedules",
    "/sagas/{saga_id}",
)


class Served(NamedTuple):
    """A console that answers.

    Attributes:
        server: of it.
        cookie: with which its pages are asked for.
    """

    server: ConsoleServer
    cookie: str


async def console(session: Session) -> None:
    """Sagas beside 50 open pages and beside none, in interleaved rounds; then every page, beside 100,000 sagas."""
    async with contextlib.AsyncExitStack() as stack:
        address, folder = session.participant.address, session.folder
        empty = await stack.enter_async_context(opened_replica(in_file(folder / "console-none.db"), address))
        began = time.perf_counter()
        saga_ids = await fill(folder / "console.db", await recorded(empty, checkout, order()), session.options.stored)
        say(f"console: {len(saga_ids)} sagas written in {time.perf_counter() - began:.0f} s")
        replica = await stack.enter_async_context(opened_replica(in_file(folder / "console.db"), address))
        served = await stack.enter_async_context(_served(replica, folder))
        await _pages(session, served, saga_ids[-1])
        await _rounds(session, served, replica)


class Round(NamedTuple):
    """Sagas a second, and the seconds of CPU that this process has spent for each."""

    rate: float
    cpu: float


@contextlib.asynccontextmanager
async def _served(replica: OpenedReplica, folder: Path) -> AsyncIterator[Served]:
    clock, token = SystemClock(), new_token()
    subjects = folder / "subjects.yaml"
    subjects.write_text(f"ada: {{sha256: {fingerprint(token)}, roles: [admin]}}\n")
    sagas, nobody_gave_up = replica.sagas, NatsDeadCommands({})
    engine = narrowed(Facades(sagas, sagas.schedules, sagas.bulk, sagas.worker.adapters.journal, nobody_gave_up))
    starts = Starts(engine.sagas, Admission(StartLimits(128, 1000), lambda: 0.0))
    application = Application(engine.sagas, starts, clock, _nobody)
    authentication = open_authentication(AccessSettings(folder, subjects), clock.now)
    server = open_console(ConsoleSettings("127.0.0.1:0"), application, engine, authentication, ())
    await server.start()
    try:
        yield Served(server, f"orchestrator-token-{server.address.rpartition(':')[2]}={token}")
    finally:
        await server.drain(5)


def _nobody(service: str) -> grpc.aio.Channel:
    raise BenchFailed(f"no page asks {service} for something")


async def _pages(session: Session, served: Served, saga_id: str) -> None:
    async with httpx2.AsyncClient(base_url=served.server.address, headers={"cookie": served.cookie}) as client:
        for path in _PAGES:
            took = []
            for _ in range(_ASKED):
                began = time.perf_counter()
                answer = await client.get(path.format(saga_id=saga_id))
                took.append((time.perf_counter() - began) * _MILLI)
                if answer.status_code != httpx2.codes.OK:
                    raise BenchFailed(f"the page {path} answers {answer.status_code}")
            note = f"beside {session.options.stored} sagas, asked for {_ASKED} times"
            session.results.findings.append(Finding(f"the page {path}", Spread.of(took), "ms", PAGE_GOAL, note))


async def _rounds(session: Session, served: Served, replica: OpenedReplica) -> None:
    sagas, number = Sagas("saga", replica), session.options.sagas_at(_IN_FLIGHT)
    paths = [_FOLLOWED[each % len(_FOLLOWED)] for each in range(_OPEN)]
    arguments = (served.server.address, served.cookie, *paths)
    beside: dict[bool, list[Round]] = {False: [], True: []}
    with running("tests.bench.readers", *arguments, path=session.stubs) as readers:
        await _round(sagas, number)
        for turn in range(session.options.rounds):
            for with_pages in (False, True) if turn % 2 else (True, False):
                if with_pages:
                    await _told(readers, "open")
                beside[with_pages].append(await _round(sagas, number))
                if with_pages:
                    await _told(readers, "close")
    pairs = list(zip(beside[True], beside[False], strict=True))
    rates = Spread.of(with_pages.rate / without.rate for with_pages, without in pairs)
    cpu = Spread.of(with_pages.cpu / without.cpu for with_pages, without in pairs)
    note = f"each of them one of {len(_FOLLOWED)}; {number} sagas a round, {_IN_FLIGHT} in flight"
    session.results.findings += [
        Finding(f"the rate of sagas beside {_OPEN} open pages to that beside none", rates, "", CONSOLE_GOAL, note),
        Finding(f"the CPU of a saga, of this process, beside {_OPEN} open pages to that beside none", cpu, note=note),
    ]
    said = f"{Spread.of(each.rate for each in beside[True]).median:.0f}/s beside {_OPEN} open pages"
    say(f"console: {said}, {rates.median:.2f} of that beside none")


async def _round(sagas: Sagas, number: int) -> Round:
    began, busy = time.perf_counter(), time.process_time()
    await closed_loop(sagas.one, number, _IN_FLIGHT)
    return Round(number / (time.perf_counter() - began), (time.process_time() - busy) / number)


async def _told(readers: subprocess.Popen[bytes], what: str) -> None:
    """Tell the readers to open or to close their pages, and wait until they have."""
    assert readers.stdin is not None
    assert readers.stdout is not None
    readers.stdin.write(f"{what}\n".encode())
    readers.stdin.flush()
    if not await asyncio.to_thread(readers.stdout.readline):
        raise BenchFailed("the readers of the console's pages have ended")
