"""What was counted, summed up: how many sagas started and ended, how long they took, and why they failed. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import Status
from orchestrator.ports.figures import LATENCY_BOUNDS, STARTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.ports.figures import Counted, Window

_SECOND: Final = 1_000_000_000


@dataclass(frozen=True)
class Latencies:
    """How long sagas took from their start to their end.

    Attributes:
        numbers: how many, by the number of the bucket; see :data:`LATENCY_BOUNDS`.
    """

    numbers: Mapping[int, int]

    def quantile(self, part: float) -> float | None:
        """Below which time this part of the sagas ended, in seconds; ``None`` of none.

        It is exact to the bucket, and within that as if they lay evenly; so it is off by a third of itself at most.
        """
        wanted = part * sum(self.numbers.values())
        if not wanted:
            return None
        passed = 0
        for bucket in sorted(self.numbers):
            number = self.numbers[bucket]
            if passed + number >= wanted:
                low = LATENCY_BOUNDS[bucket - 1] if bucket else 0
                high = LATENCY_BOUNDS[bucket] if bucket < len(LATENCY_BOUNDS) else low
                return (low + (high - low) * (wanted - passed) / number) / _SECOND
            passed += number
        return LATENCY_BOUNDS[-1] / _SECOND


class Failures(NamedTuple):
    """How many sagas were rolled back because of a command, for one kind of reason; command is empty where none was."""

    command: str
    code: str
    number: int


@dataclass
class Figures:
    """The sagas of one step, or of a window.

    Attributes:
        started: how many started.
        ended: how many ended, by status.
        latencies: how long those took that ended.
        failures: why those were rolled back that were; those with the most sagas first.
    """

    started: int = 0
    ended: Counter[Status] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=lambda: Latencies({}))
    failures: list[Failures] = field(default_factory=list)


def summed(counted: Iterable[Counted]) -> Figures:
    """The figures of all that was counted."""
    figures, latencies = Figures(), Counter[int]()
    failures: Counter[tuple[str, str]] = Counter()
    for each in counted:
        if each.status is STARTED:
            figures.started += each.number
            continue
        figures.ended[each.status] += each.number
        latencies[each.latency] += each.number
        if each.status is not Status.COMPLETED:
            failures[each.command, each.code] += each.number
    figures.latencies = Latencies(dict(latencies))
    ordered = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    figures.failures = [Failures(*of, number) for of, number in ordered if number]
    return figures


def series(window: Window, counted: Iterable[Counted]) -> list[tuple[int, Figures]]:
    """The figures of each step of a window, also of those in which nothing was counted, by its beginning."""
    steps: dict[int, list[Counted]] = {at: [] for at in range(window.since, window.until, window.step.value)}
    for each in counted:
        steps[each.at].append(each)
    return [(at, summed(of)) for at, of in steps.items()]
