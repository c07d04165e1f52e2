"""Measures contenders in interleaved rounds, so that whatever else the machine does slows all of them equally."""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tests.bench.spread import Spread, quantile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.bench.processes import Watched

_MILLI = 1e3
_MICRO = 1e6


class Contender(Protocol):
    """What is measured.

    Attributes:
        name: as results call it.
    """

    name: str

    async def run(self, number: int, in_flight: int) -> list[float]:
        """So many sagas, or chains of calls, so many of them at a time; the seconds of each."""

    async def catch_up(self, number: int) -> None:
        """Within the measured time, after so many: wait for what may not be left for later."""

    async def finish(self) -> None:
        """After the measured time: wait for all the rest, the CPU of which still counts."""


@dataclass(frozen=True)
class Round:
    """One measurement of one contender.

    Attributes:
        rate: sagas, or chains, a second.
        p50: milliseconds that half of them stay below; and p99, that 99 of a hundred do.
        cpu: microseconds of CPU for each, by process.
    """

    rate: float
    p50: float
    p99: float
    cpu: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """All rounds of one contender. What is compared is compared with the first contender, in the same round.

    Attributes:
        ratio: its rate over that of the first.
        p50_ratio: its median latency over that of the first.
        cpu: microseconds for each, by process: the medians.
        rounds: of which all this is made.
    """

    contender: str
    rate: Spread
    p50: Spread
    p99: Spread
    ratio: Spread
    p50_ratio: Spread
    cpu: dict[str, float]
    cpu_ratio: Spread
    rounds: list[Round] = field(default_factory=list, repr=False)


async def interleaved(
    contenders: Sequence[Contender], watched: Watched, *, rounds: int, number: int, in_flight: int
) -> list[Measured]:
    """Each contender in each round, beginning with another one in every round; a first round warms up.

    Args:
        contenders: the first is what the others are compared with.
        watched: the processes whose CPU counts.
        rounds: how many are measured.
        number: of sagas in each round.
        in_flight: how many of them at any time.
    """
    measured: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds + 1):
        first = turn % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            one_round = await _round(contender, watched, number, in_flight)
            if turn:
                measured[contender.name].append(one_round)
    reference = measured[contenders[0].name]
    return [_summary(name, found, reference) for name, found in measured.items()]


async def closed_loop(one: Callable[[int], Awaitable[None]], number: int, in_flight: int) -> list[float]:
    """``number`` in all, ``in_flight`` at a time: whenever one has ended, the next begins. The seconds of each."""
    numbers = iter(range(number))
    took: list[float] = []

    async def loop() -> None:
        for each in numbers:
            began = time.perf_counter()
            await one(each)
            took.append(time.perf_counter() - began)

    try:
        async with asyncio.TaskGroup() as loops:
            for _ in range(in_flight):
                loops.create_task(loop())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None  # the others were made for the same reason, and one is read more easily
    return took


async def _round(contender: Contender, watched: Watched, number: int, in_flight: int) -> Round:
    gc.collect()
    before = watched.cpu()
    began = time.perf_counter()
    took = await contender.run(number, in_flight)
    await contender.catch_up(number)
    seconds = time.perf_counter() - began
    await contender.finish()
    cpu = {name: (after - before[name]) / number * _MICRO for name, after in watched.cpu().items()}
    return Round(number / seconds, quantile(took, 0.5) * _MILLI, quantile(took, 0.99) * _MILLI, cpu)


def _summary(name: str, rounds: list[Round], reference: list[Round]) -> Measured:
    pairs = list(zip(rounds, reference, strict=True))
    return Measured(
        contender=name,
        rate=Spread.of(each.rate for each in rounds),
        p50=Spread.of(each.p50 for each in rounds),
        p99=Spread.of(each.p99 for each in rounds),
        ratio=Spread.of(each.rate / other.rate for each, other in pairs),
        p50_ratio=Spread.of(each.p50 / other.p50 for each, other in pairs),
        cpu={process: Spread.of(each.cpu[process] for each in rounds).median for process in rounds[0].cpu},
        cpu_ratio=Spread.of(each.cpu["orchestrator"] / other.cpu["orchestrator"] for each, other in pairs),
        rounds=rounds,
    )
