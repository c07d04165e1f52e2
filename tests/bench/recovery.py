"""Recovers sagas that a process has left in the middle, as fast as the machine allows."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from orchestrator.journal.state import Status
from tests.bench.checkout.sagas import checkout, delivery
from tests.bench.contenders import Sagas, order
from tests.bench.journals import fill, recorded, until_intended
from tests.bench.processes import BenchFailed
from tests.bench.replicas import in_file, opened_replica
from tests.bench.results import RECOVERY_GOAL, Finding
from tests.bench.rounds import closed_loop
from tests.bench.session import say
from tests.bench.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.ports.journal import Append
    from tests.bench.session import Session

_IN_FLIGHT = 256
_MOST_ROUNDS = 3
_THIRD = 3


async def recovery(session: Session) -> None:
    """Sagas left with two commands completed and the third in doubt, beside new ones that make as many calls.

    A recovered saga is read, replayed without sending anything, sends the third and the fourth command, and ends. A
    new one, of the definition ``delivery``, starts, sends two commands, and ends.
    """
    number = session.options.unfinished
    rounds: list[tuple[float, float]] = []
    async with opened_replica(in_file(session.folder / "recovery-new.db"), session.participant.address) as replica:
        left = until_intended(await recorded(replica, checkout, order()), _THIRD)
        new = Sagas("new", replica, definition=delivery)
        for turn in range(min(session.options.rounds, _MOST_ROUNDS)):
            fresh = await _new_rate(new, min(number, 2 * session.options.sagas_at(_IN_FLIGHT)))
            recovered = await _recovery_rate(session, session.folder / f"recovery-{turn}.db", left)
            rounds.append((recovered, fresh))
            say(f"recovery: {number} sagas at {recovered:.0f}/s, new ones at {fresh:.0f}/s")
    note = f"{number} sagas after their second command, from opening the journal; new ones of two commands"
    session.results.findings += [
        Finding("recovery", Spread.of(rate for rate, _ in rounds), "/s", None, note),
        Finding(f"new sagas of two commands, {_IN_FLIGHT} in flight", Spread.of(rate for _, rate in rounds), "/s"),
        Finding("recovery: rate to new ones", Spread.of(a / b for a, b in rounds), "", RECOVERY_GOAL, note),
    ]


async def _new_rate(new: Sagas, number: int) -> float:
    await closed_loop(new.one, _IN_FLIGHT, _IN_FLIGHT)
    began = time.perf_counter()
    await closed_loop(new.one, number, _IN_FLIGHT)
    return number / (time.perf_counter() - began)


async def _recovery_rate(session: Session, path: Path, left: Sequence[Append]) -> float:
    number = session.options.unfinished
    await fill(path, left, number)
    say(f"recovery: {number} unfinished sagas written")
    began = time.perf_counter()
    async with opened_replica(in_file(path), session.participant.address) as replica:
        if stopped := [executor.stopped for executor in replica.sagas.worker.live.values()]:
            await asyncio.wait(stopped)
        seconds = time.perf_counter() - began
        completed = sum(
            count.number
            for count in await replica.sagas.worker.adapters.journal.count()
            if count.status is Status.COMPLETED
        )
    if (replica.recovered, completed) != (number, number):
        raise BenchFailed(f"of {number} unfinished sagas, {replica.recovered} were recovered, {completed} completed")
    return number / seconds
