"""The checkout on PostgreSQL: one replica and two, each a process of its own, traced or not, beside the bare chain."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench import carriers
from tests.bench.results import RATE_GOALS, TWO_GOAL, Finding, Load
from tests.bench.rounds import interleaved
from tests.bench.session import say
from tests.bench.spread import Spread

if TYPE_CHECKING:
    from tests.bench.carriers import Carriers
    from tests.bench.rounds import Measured, Round
    from tests.bench.session import Session

NAME = "postgres"


async def postgres(session: Session) -> None:
    """The four commands on PostgreSQL, by one replica and by two."""
    with contextlib.ExitStack() as stack:
        contenders = [
            await carriers.bare(session, stack, "bare", 1),
            await carriers.bare(session, stack, "bare by two", 2),
            await carriers.sagas(session, stack, "saga", 1, traced=False),
            await carriers.sagas(session, stack, "traced", 1, traced=True),
            await carriers.sagas(session, stack, "saga by two", 2, traced=False),
            await carriers.sagas(session, stack, "traced by two", 2, traced=True),
        ]
        for in_flight in session.options.in_flight_on_postgres:
            await _measure(session, contenders, in_flight)
        lost = sum(each.lost for each in contenders)
        sent = lost + sum(each.exported for each in contenders)
        value = Spread.of([lost / sent if sent else 0.0])
        note = f"of {sent} in the rounds"
        session.results.findings.append(Finding(f"{NAME}: part of the spans that was lost", value, note=note))


async def _measure(session: Session, contenders: list[Carriers], in_flight: int) -> None:
    options = session.options
    number = options.sagas_at(in_flight)
    before = [await each.commits() for each in contenders]
    watched = session.watched.instead("orchestrator", [pid for each in contenders for pid in each.pids])
    measured = await interleaved(contenders, watched, rounds=options.rounds, number=number, in_flight=in_flight)
    for contender, each, had in zip(contenders, measured, before, strict=True):
        commits = (await contender.commits() - had) / ((options.rounds + 1) * number)
        is_bare = contender.name.startswith("bare")
        session.results.loads.append(Load(NAME, in_flight, each, None if is_bare else commits))
        name = f"{NAME}, {in_flight} in flight, {contender.name}"
        if goal := RATE_GOALS.get((NAME, in_flight, contender.name)):
            session.results.findings.append(Finding(f"{name}: rate to bare", each.ratio, "", goal))
    _add_two(session, in_flight, {each.contender: each for each in measured})
    said = ", ".join(f"{each.contender} {each.rate.median:.0f}/s" for each in measured)
    say(f"{NAME}, {in_flight} in flight: {said}")


def _add_two(session: Session, in_flight: int, measured: dict[str, Measured]) -> None:
    """What a second process brings, and what it brings to the bare chain, which is all that the machine allows."""
    for name in ("bare", "saga", "traced"):
        value = _to(measured[f"{name} by two"].rounds, measured[name].rounds)
        note = f"{in_flight} in flight in all; the bare chain shows what the machine's cores leave to a second process"
        goal = None if name == "bare" else TWO_GOAL
        session.results.findings.append(
            Finding(f"{NAME}, {in_flight} in flight, {name}: two processes to one", value, "", goal, note)
        )


def _to(rounds: list[Round], reference: list[Round]) -> Spread:
    return Spread.of(each.rate / other.rate for each, other in zip(rounds, reference, strict=True))
