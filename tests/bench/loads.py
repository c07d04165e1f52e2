"""The checkout under load, forward and rolled back: bare, as a saga, and as a traced saga, side by side."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import grpc.aio

from tests.bench.contenders import Bare, Sagas, TracedSagas
from tests.bench.counting import Counted, counted
from tests.bench.replicas import in_file, opened_replica
from tests.bench.results import LATENCY_GOALS, RATE_GOALS, Finding, Load
from tests.bench.rounds import interleaved
from tests.bench.session import say
from tests.bench.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.rounds import Contender, Measured
    from tests.bench.session import Session


_CALLS = {"forward": 4, "rollback": 7}


async def forward(session: Session) -> None:
    """Four sequential commands."""
    await _measure(session, "forward", session.options.in_flight, refuse=False)


async def rollback(session: Session) -> None:
    """The fourth command rejected, three compensations."""
    await _measure(session, "rollback", session.options.rollback_in_flight, refuse=True)


async def _measure(session: Session, workload: str, in_flights: Sequence[int], *, refuse: bool) -> None:
    address, folder = session.participant.address, session.folder
    async with contextlib.AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        plain = await stack.enter_async_context(opened_replica(in_file(folder / f"{workload}.db"), address))
        traced = await stack.enter_async_context(
            opened_replica(in_file(folder / f"{workload}-traced.db"), address, collector=session.receiver.address)
        )
        bare = Bare(channel, refuse=refuse)
        sagas = Sagas("saga", plain, refuse=refuse)
        traced_sagas = TracedSagas(traced, session.tally, refuse=refuse)
        await traced_sagas.prepare()
        for in_flight in in_flights:
            await _measure_load(session, workload, in_flight, [bare, sagas, traced_sagas])
        _add_spans(session, workload, traced_sagas)


async def _measure_load(session: Session, workload: str, in_flight: int, contenders: Sequence[Contender]) -> None:
    options = session.options
    number = options.sagas_at(in_flight, _CALLS[workload])
    measured = await interleaved(contenders, session.watched, rounds=options.rounds, number=number, in_flight=in_flight)
    for contender, each in zip(contenders, measured, strict=True):
        writes = Counted(None, None)
        if isinstance(contender, Sagas):
            writes = await counted(contender, min(number, max(400, 4 * in_flight)), in_flight)
        session.results.loads.append(Load(workload, in_flight, each, writes.flushes, writes.written))
        _add_goals(session, workload, in_flight, each)
    said = ", ".join(f"{each.contender} {each.rate.median:.0f}/s" for each in measured)
    say(f"{workload}, {in_flight} in flight: {said}")


def _add_goals(session: Session, workload: str, in_flight: int, measured: Measured) -> None:
    key = (workload, in_flight, measured.contender)
    name = f"{workload}, {in_flight} in flight, {measured.contender}"
    findings = session.results.findings
    if goal := RATE_GOALS.get(key):
        findings.append(Finding(f"{name}: rate to bare", measured.ratio, "", goal))
    if goal := LATENCY_GOALS.get(key):
        findings.append(Finding(f"{name}: p50 latency to bare", measured.p50_ratio, "", goal))


def _add_spans(session: Session, workload: str, traced: TracedSagas) -> None:
    """The traced rounds stand for nothing unless every span has arrived."""
    lost, sent = traced.lost, traced.exported + traced.lost
    value = Spread.of([lost / sent if sent else 0.0])
    note = f"of {sent} in the rounds"
    session.results.findings.append(
        Finding(f"{workload}, traced: part of the spans that was lost", value, "", None, note)
    )
