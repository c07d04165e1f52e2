"""Kills a replica on PostgreSQL with -9, and measures how long after its lease another one has its sagas."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import grpc.aio

from orchestrator.journal.entries import SagaRecovered
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.store.opening import open_store
from tests.bench.carriers import opened_carrier
from tests.bench.processes import BenchFailed
from tests.bench.results import TAKEOVER_GOAL, Finding
from tests.bench.rounds import closed_loop
from tests.bench.session import say
from tests.bench.spread import Spread, quantile

if TYPE_CHECKING:
    from bench.v1.bench_pb2_grpc import ControlServiceStub

    from orchestrator.ports.journal import Journal
    from tests.bench.carriers import Carrier
    from tests.bench.session import Session

_SAGAS = 500
_MOST_ROUNDS = 5
_LEASE_SECONDS = 3.0
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.02
_READ_AT_ONCE = 8
_NANOSECONDS = 1e9


async def takeover(session: Session) -> None:
    """Sagas in flight, all of one replica that is killed; another replica is there, and idle."""
    rounds = [await _round(session) for _ in range(min(session.options.rounds, _MOST_ROUNDS))]
    note = (
        f"{_SAGAS} sagas of a replica that is killed, a lease of {_LEASE_SECONDS:g} s; the lapse of the lease is the "
        "database's, the instants of the sagas are the other replica's, on the same machine"
    )
    for name, part, goal in (("half of them", 0.5, None), ("99 of a hundred", 0.99, TAKEOVER_GOAL)):
        claimed = Spread.of(quantile([recovered for recovered, _ in each], part) for each in rounds)
        ended = Spread.of(quantile([ended for _, ended in each], part) for each in rounds)
        say(f"takeover: {name} are recovered within {claimed.median:.2f} s after the lease")
        session.results.findings += [
            Finding(f"takeover: {name} are recovered within, after the lease", claimed, "s", goal, note),
            Finding(f"takeover: {name} have ended within, after the lease", ended, "s", None, note),
        ]


async def _round(session: Session) -> list[tuple[float, float]]:
    """Seconds from the end of the lease until each was recovered, and until it had ended."""
    from bench.v1.bench_pb2 import HoldRequest, LetGoRequest  # noqa: PLC0415 - made when the bench starts
    from bench.v1.bench_pb2_grpc import ControlServiceStub  # noqa: PLC0415 - as above

    arguments = "--journal", session.databases.new(), "--lease-seconds", str(_LEASE_SECONDS)
    async with contextlib.AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(session.participant.address))
        processes = stack.enter_context(contextlib.ExitStack())
        killed, other = [await opened_carrier(session, processes, *arguments) for _ in range(2)]
        journal = await open_store(arguments[1])
        stack.push_async_callback(journal.close)
        control: ControlServiceStub = ControlServiceStub(channel)
        await control.Hold(HoldRequest())
        try:
            await _left_in_flight(control, killed)
        finally:
            await control.LetGo(LetGoRequest())
        await _ended(journal)
        del other  # it has done its part, and ends with its input
        return await _measured(journal)


async def _left_in_flight(control: ControlServiceStub, killed: Carrier) -> None:
    """Each saga waits for the answer to its last command when its replica is killed."""
    from bench.v1.bench_pb2 import CountHeldRequest  # noqa: PLC0415 - made when the bench starts

    await killed.answer(f"begin {_SAGAS}")
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (await control.CountHeld(CountHeldRequest())).held < _SAGAS:  # noqa: ASYNC110 - another process
            await asyncio.sleep(_PAUSE_SECONDS)
    killed.kill()


async def _ended(journal: Journal) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while await _completed(journal) < _SAGAS:  # noqa: ASYNC110 - another process
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        raise BenchFailed(f"not all sagas of a killed replica have ended within {_PATIENCE_SECONDS:g} s") from None


async def _completed(journal: Journal) -> int:
    return sum(each.number for each in await journal.count() if each.status is Status.COMPLETED)


async def _measured(journal: Journal) -> list[tuple[float, float]]:
    (silent,) = await journal.silent()
    records, _ = await journal.search(SagaFilter(), _SAGAS, "")
    found: list[tuple[float, float]] = []

    async def look(number: int) -> None:
        record = records[number]
        entries = await journal.read(record.saga_id)
        recovered = next(entry.at for entry in entries if isinstance(entry, SagaRecovered))
        assert record.ended_at is not None
        instants = recovered - silent.alive_until, record.ended_at - silent.alive_until
        found.append((instants[0] / _NANOSECONDS, instants[1] / _NANOSECONDS))

    await closed_loop(look, len(records), _READ_AT_ONCE)
    return found
