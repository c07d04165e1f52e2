"""What mutual TLS costs: the bare chain and the saga, each with and without it, side by side."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import grpc.aio

from tests.bench.contenders import Bare, Sagas
from tests.bench.processes import started
from tests.bench.replicas import in_file, opened_replica
from tests.bench.results import TLS_GOAL, Finding, Load
from tests.bench.rounds import interleaved
from tests.bench.session import say
from tests.bench.spread import Spread
from tests.support.certificate_files import Authority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.rounds import Contender, Measured
    from tests.bench.session import Session

NAME = "tls"
_PARTICIPANT = "participant.bench.example"


async def tls(session: Session) -> None:
    """Four sequential commands over mutual TLS, beside the same without."""
    authority = Authority(session.folder / "certificates")
    theirs, ours = authority.issue(_PARTICIPANT), authority.issue("orchestrator.bench.example")
    files = map(str, theirs)
    async with contextlib.AsyncExitStack() as stack:
        child = started("participant", "tests.bench.checkout.participant", *files, path=session.stubs)
        secure = stack.enter_context(child)
        session.watched.add(secure.name, secure.pid)
        plain = session.participant.address
        bare = Bare(await stack.enter_async_context(grpc.aio.insecure_channel(plain)))
        bare_tls = Bare(await stack.enter_async_context(ours.channel(secure.address, _PARTICIPANT)))
        bare_tls.name = "bare, mTLS"
        replica = await stack.enter_async_context(opened_replica(in_file(session.folder / "tls-none.db"), plain))
        replica_tls = await stack.enter_async_context(
            opened_replica(in_file(session.folder / "tls.db"), secure.address, tls=(ours, _PARTICIPANT))
        )
        contenders: list[Contender] = [bare, bare_tls, Sagas("saga", replica), Sagas("saga, mTLS", replica_tls)]
        for in_flight in session.options.in_flight:
            await _measure(session, contenders, in_flight)


async def _measure(session: Session, contenders: Sequence[Contender], in_flight: int) -> None:
    options = session.options
    measured = await interleaved(
        contenders,
        session.watched,
        rounds=options.rounds,
        number=options.sagas_at(in_flight),
        in_flight=in_flight,
    )
    session.results.loads += [Load(NAME, in_flight, each) for each in measured]
    _add_findings(session, f"{NAME}, {in_flight} in flight:", measured)
    said = ", ".join(f"{each.contender} {each.rate.median:.0f}/s" for each in measured)
    say(f"{NAME}, {in_flight} in flight: {said}")


def _add_findings(session: Session, about: str, measured: Sequence[Measured]) -> None:
    bare, bare_tls, saga, saga_tls = measured
    kept_by_bare, kept_by_saga = _ratios(bare_tls, bare), _ratios(saga_tls, saga)
    compared = [ours / theirs for ours, theirs in zip(kept_by_saga, kept_by_bare, strict=True)]
    cpu_of_bare, cpu_of_saga = _added(bare_tls, bare), _added(saga_tls, saga)
    session.results.findings += [
        Finding(f"{about} saga to bare, without", Spread.of(_ratios(saga, bare))),
        Finding(f"{about} saga to bare, both with mTLS", Spread.of(_ratios(saga_tls, bare_tls))),
        Finding(f"{about} what mTLS leaves of the rate of bare", Spread.of(kept_by_bare)),
        Finding(f"{about} what mTLS leaves of the rate of sagas", Spread.of(kept_by_saga)),
        Finding(f"{about} the second of these to the first", Spread.of(compared), goal=TLS_GOAL),
        Finding(f"{about} what mTLS adds to the CPU of a bare chain", Spread.of(cpu_of_bare), "µs"),
        Finding(f"{about} what mTLS adds to the CPU of a saga", Spread.of(cpu_of_saga), "µs"),
    ]


def _ratios(one: Measured, other: Measured) -> list[float]:
    """Of the rates, round by round."""
    return [mine.rate / theirs.rate for mine, theirs in zip(one.rounds, other.rounds, strict=True)]


def _added(one: Measured, other: Measured) -> list[float]:
    """How much more CPU one takes in all processes, in microseconds, round by round."""
    pairs = zip(one.rounds, other.rounds, strict=True)
    return [sum(mine.cpu.values()) - sum(theirs.cpu.values()) for mine, theirs in pairs]
