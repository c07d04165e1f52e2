"""How many sagas there are: by status in all, and by definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.ports.catalogue import SagaCount

ORDER: Final = (
    Status.RUNNING,
    Status.WAITING,
    Status.COMPENSATING,
    Status.SUSPENDED,
    Status.COMPLETED,
    Status.COMPENSATED,
    Status.PARTIALLY_COMPENSATED,
)
"""The statuses as pages show them: what is under way, what needs a person, what has ended."""

UNDER_WAY: Final = (Status.RUNNING, Status.WAITING, Status.COMPENSATING, Status.SUSPENDED)


class DefinitionCounts(NamedTuple):
    """The sagas of one definition.

    Attributes:
        numbers: by status, in :data:`ORDER`.
        oldest_at: when the oldest started that has not ended, nanoseconds since the epoch, UTC; 0 where all have.
    """

    definition: str
    numbers: tuple[int, ...]
    oldest_at: int


class Counts(NamedTuple):
    """The sagas of all definitions.

    Attributes:
        statuses: each status with its number, in :data:`ORDER`.
        definitions: the same by definition.
    """

    statuses: list[tuple[Status, int]]
    definitions: list[DefinitionCounts]

    @property
    def are_none(self) -> bool:
        """There is no saga yet."""
        return not any(number for _, number in self.statuses)


def counts_of(counts: Iterable[SagaCount]) -> Counts:
    """The counts, summed up."""
    found = {(each.definition, each.status): each for each in counts}
    names = sorted({definition for definition, _ in found})
    definitions = []
    for name in names:
        numbers = tuple(found[name, status].number if (name, status) in found else 0 for status in ORDER)
        oldest = [found[name, status].oldest_started_at for status in UNDER_WAY if (name, status) in found]
        definitions.append(DefinitionCounts(name, numbers, min(oldest, default=0)))
    totals = [sum(each.numbers[place] for each in definitions) for place in range(len(ORDER))]
    return Counts(list(zip(ORDER, totals, strict=True)), definitions)
