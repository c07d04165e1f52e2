"""Contenders that are processes of their own, one or several side by side, which share a load evenly."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.bench.processes import BenchFailed, last_words, running, started
from tests.bench.receiver import SpanTally

if TYPE_CHECKING:
    import contextlib
    import subprocess

    from tests.bench.session import Session

_LONGEST_SECONDS = 300


class Carrier:
    """One process of :mod:`tests.bench.carrying`.

    Args:
        process: which has just been started.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    def kill(self) -> None:
        """Kill it with -9; it is gone when this returns."""
        self._process.kill()
        self._process.wait()

    async def answer(self, order: str = "") -> Any:  # noqa: ANN401 - as the order has it
        """What it answers to an order; without one, what it says when it is ready.

        Raises:
            BenchFailed: it has ended, or takes too long.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        if order:
            stdin.write(f"{order}\n".encode())
            stdin.flush()
        reading = asyncio.to_thread(stdout.readline)
        try:
            line = await asyncio.wait_for(reading, _LONGEST_SECONDS)
        except TimeoutError:
            raise BenchFailed(f"no answer to {order!r} within {_LONGEST_SECONDS} s") from None
        if not line:
            raise BenchFailed(f"a contender ended: {last_words(self._process)}")
        return json.loads(line)


@dataclass
class Carriers:
    """A :class:`~tests.bench.rounds.Contender` of one process or several.

    Attributes:
        name: as results call it.
        carriers: the processes.
        exported: spans that have arrived in all rounds.
        lost: spans that have not.
    """

    name: str
    carriers: list[Carrier]
    exported: int = 0
    lost: int = 0

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [carrier.pid for carrier in self.carriers]

    async def run(self, number: int, in_flight: int) -> list[float]:
        """So many in all, shared evenly; the seconds of each."""
        parts = len(self.carriers)
        order = f"run {max(1, number // parts)} {max(1, in_flight // parts)}"
        answers = await asyncio.gather(*(carrier.answer(order) for carrier in self.carriers))
        return [seconds for took in answers for seconds in took]

    async def catch_up(self, number: int) -> None:
        """Each of them has, before it answered."""

    async def finish(self) -> None:
        """Until the last span has arrived, or no more do."""
        answers = await asyncio.gather(*(carrier.answer("finish") for carrier in self.carriers))
        self.exported, self.lost = (sum(column) for column in zip(*answers, strict=True))

    async def commits(self) -> int:
        """How many commits they have made in all."""
        return sum(await asyncio.gather(*(carrier.answer("commits") for carrier in self.carriers)))


async def bare(session: Session, stack: contextlib.ExitStack, name: str, parts: int) -> Carriers:
    """The bare chain, in so many processes."""
    return Carriers(name, [await opened_carrier(session, stack) for _ in range(parts)])


async def sagas(session: Session, stack: contextlib.ExitStack, name: str, parts: int, *, traced: bool) -> Carriers:
    """So many replicas on one empty database; traced, each has a receiver of its own, which counts its spans."""
    journal, carriers = ("--journal", session.databases.new()), []
    for part in range(parts):  # one after another: a traced one counts, alone, how many spans a saga has
        tracing = _traced(session, stack, f"{name.replace(' ', '-')}-{part}") if traced else ()
        carriers.append(await opened_carrier(session, stack, *journal, *tracing))
    return Carriers(name, carriers)


async def opened_carrier(session: Session, stack: contextlib.ExitStack, *arguments: str) -> Carrier:
    """One process with these arguments, which is ready."""
    line = (session.participant.address, *arguments)
    carrier = Carrier(stack.enter_context(running("tests.bench.carrying", *line, path=session.stubs)))
    await carrier.answer()
    return carrier


def _traced(session: Session, stack: contextlib.ExitStack, name: str) -> tuple[str, ...]:
    spans = session.folder / f"spans-{name}"
    SpanTally(spans)  # makes the file
    receiver = stack.enter_context(started("receiver", "tests.bench.receiver", str(spans), path=session.stubs))
    session.watched.add("receiver", receiver.pid)
    return "--collector", receiver.address, "--tally", str(spans)
