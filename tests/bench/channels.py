"""What each channel costs: the saga over gRPC, HTTP and NATS, beside the bare chain over gRPC.

The participant is the same process for all of them, behind the chassis of the services, and does nothing. So what
differs is the channel, and what the chassis does to read its calls. The broker is a NATS server of its own that syncs
each command and each reply to the disk before it acknowledges it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import grpc.aio

from orchestrator.channels.nats.channel import NatsChannel, NatsConnections, NatsSettings
from orchestrator.channels.nats.provisioning import make, wanted
from orchestrator.connections.nats_security import NatsSecurity
from orchestrator.contract.addresses import NATS
from orchestrator.participant.queued.subjects import Subjects
from tests.bench.contenders import Bare, Sagas
from tests.bench.processes import started
from tests.bench.replicas import SERVICE, in_file, opened_replica
from tests.bench.results import Finding, Load
from tests.bench.rounds import interleaved
from tests.bench.session import say
from tests.bench.spread import Spread
from tests.crash.processes import free_addresses
from tests.support.nats import running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.rounds import Contender, Measured
    from tests.bench.session import Session

NAME: Final = "channels"
_SUBJECTS: Final = Subjects()


async def channels(session: Session) -> None:
    """Four sequential commands over gRPC, HTTP and NATS, beside the bare chain."""
    async with contextlib.AsyncExitStack() as stack:
        broker = stack.enter_context(running())
        queue = f"{broker.url}/{_SUBJECTS.prefix}"
        await _make_streams(broker.address)
        (http,) = free_addresses(1)
        child = started("participant", "tests.bench.checkout.reachable", http, queue, path=session.stubs)
        participant = stack.enter_context(child)
        session.watched.add(participant.name, participant.pid)
        session.watched.add("broker", broker.pid)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(participant.address))
        contenders: list[Contender] = [Bare(channel)]
        for name, address in (("gRPC", participant.address), ("HTTP", f"http://{http}"), ("NATS", queue)):
            journal = in_file(session.folder / f"over-{name}.db")
            replica = await stack.enter_async_context(opened_replica(journal, address))
            contenders.append(Sagas(f"saga over {name}", replica))
        for in_flight in session.options.in_flight:
            await _measure(session, contenders, in_flight)


async def _make_streams(address: str) -> None:
    """What `orchestrator channels create` makes."""
    security = NatsSecurity()
    settings = NatsSettings(security, replica="bench")
    channel = NatsChannel(NATS, f"{address}/{_SUBJECTS.prefix}", settings, NatsConnections(security))
    for each in wanted({SERVICE: channel}, settings.group):
        found = await make(each)
        assert found.changed, found.refusal
    await channel.close()


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
    _, over_grpc, *others = measured
    for other in others:
        pairs = list(zip(other.rounds, over_grpc.rounds, strict=True))
        ratios = [mine.rate / theirs.rate for mine, theirs in pairs]
        added = [sum(mine.cpu.values()) - sum(theirs.cpu.values()) for mine, theirs in pairs]
        session.results.findings += [
            Finding(f"{about} {other.contender}, to the same over gRPC", Spread.of(ratios)),
            Finding(f"{about} {other.contender}, CPU beside that over gRPC", Spread.of(added), "µs"),
        ]
